# Everything a person or a machine does with this repository. `make help` lists it.
#
# Needs python3 (3.11 or later), make and git. All else is installed into .venv, in the versions of
# constraints.txt: by plain pip, or by uv if it is on the machine.

SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Arguments to hand on, as in: make smoke ARGS="-p day 2026-03-05"
ARGS ?=
# Test processes at once, as in: make test WORKERS=4
WORKERS ?= $(shell sh .ci/workers)

# Modules that are compiled once start in half the time.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export WORKERS

.DEFAULT_GOAL := help
.PHONY: help smoke test test-browser test-crash test-slow lab bench notebooks docs install clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

smoke: $(STAMP) ## Judge a simulated trading day by the smoke checklist: the main job
	@$(BIN)/qtkit smoke $(ARGS)

test: $(STAMP) ## Run all tests, notebooks included, with lint, types and import contracts
	@bash .ci/steps $(BIN) $(ARGS)

test-browser: $(STAMP) ## Drive the control desk in a real browser; skipped without Chromium
	@$(BIN)/python -m pytest -p no:nbval -rs tests/browser $(ARGS)

test-crash: $(STAMP) ## Cut the power at every point of the days, in all four ways
	@bash .ci/crash $(BIN) $(ARGS)

test-slow: $(STAMP) ## Try what `make test` samples: tables, notebooks, damaged files, bugs, fuzzed borders
	@bash .ci/slow $(BIN) $(ARGS)

lab: $(STAMP) ## Open the notebooks in JupyterLab
	@$(BIN)/jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/notebooks \
	  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate --LabApp.news_url=None \
	  $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

bench: $(STAMP) ## Run the benchmarks; the table goes to outputs/bench.json too
	@$(BIN)/python -m benchmarks $(ARGS)

notebooks: $(STAMP) ## Run the committed notebooks again and write their outputs back
	@$(BIN)/python -m tests.notebooks.rewrite $(ARGS)

docs: $(STAMP) ## Rewrite the parts of the documentation that come from the source
	@$(BIN)/python -m tests.docs.generated

install: $(STAMP) ## Only install, into .venv

$(STAMP): pyproject.toml constraints.txt
	@sh .ci/install "$(PYTHON)" $(VENV)
	@touch $@

clean: ## Remove caches and build products; .venv and outputs/ stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@rm -f .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
