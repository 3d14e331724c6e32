"""Headless notebook runs: execute, record, compare."""
