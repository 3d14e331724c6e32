"""The file of a reconciliation tells the tolerance that was in force."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from qtkit.journal.codec import decode, encode
from qtkit.ledger.reconcile import CASH_TOLERANCE
from qtkit.model import events as ev
from qtkit.model.books import Book
from qtkit.trading.engine.session_files import reconciliation_json
from tests.stages.parts import at, reconciled
from tests.trading.engine.engine_bench import day_of


def test_the_tolerance_is_that_of_the_reconciliation() -> None:
    event = msgspec.structs.replace(
        reconciled(Book(cash=Decimal(100))), cash_tolerance=Decimal("0.05")
    )

    assert reconciliation_json(ev.Entry(seq=1, at=at("15:15"), event=event))["tolerance"] == "0.05"


def test_the_engine_records_the_tolerance_that_it_judged_by() -> None:
    bench = day_of().run()

    assert {event.cash_tolerance for event in bench.of(ev.AccountReconciled)} == {CASH_TOLERANCE}


def test_an_older_journal_was_judged_by_a_cent() -> None:
    entry = ev.Entry(seq=1, at=at("15:15"), event=reconciled(Book(cash=Decimal(100))))
    line = encode(entry, "0" * 16).replace(b',"cash_tolerance":"0.01"', b"")

    again, _ = decode(line)

    assert b"cash_tolerance" not in line
    assert again.event.cash_tolerance == Decimal("0.01")
