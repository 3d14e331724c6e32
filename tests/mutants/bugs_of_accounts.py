"""Bugs about what an account hands from one session to the next."""

from __future__ import annotations

from tests.mutants.bug import Bug, planted

__all__ = ["BUGS_OF_ACCOUNTS"]

_VERIFIED = "tests/sessions/test_predecessor_is_verified.py"
_DAMAGED = "tests/sessions/test_damaged_accounts.py"

BUGS_OF_ACCOUNTS: tuple[Bug, ...] = (
    planted(
        "a journal that was chained again passes for the one that ended",
        "qtkit/runtime/account_audit.py",
        "if session.lines and link != session.link:",
        "if session.lines and not link:",
        f"{_VERIFIED}::test_a_live_start_after_an_orderly_end_is_refused[chained_again]",
    ),
    planted(
        "a journal that was cut off passes for the one that ended",
        "qtkit/runtime/account_audit.py",
        "if there < session.lines or (session.ended and there != session.lines):\n"
        '        yield Problem(_JOURNAL, f"{what} has {there} lines, and it had {session.lines}")\n'
        "        return\n"
        "    link = reading.marked_link\n"
        "    if session.lines and link != session.link:",
        "link = reading.marked_link\n    if session.lines and link and link != session.link:",
        f"{_VERIFIED}::test_a_live_start_after_an_orderly_end_is_refused[end_cut_off]",
    ),
    planted(
        "a session that the chain lost is not missed",
        "qtkit/runtime/account_audit.py",
        "        return account in {opening.account, folder.session_id}\n",
        "        return account == folder.session_id\n",
        f"{_DAMAGED}::test_a_damaged_account_is_refused_with_its_runbook_and_left_as_it_is"
        "[crashed-chain-last_lines_less]",
    ),
    planted(
        "a session is resumed under other settings",
        "qtkit/runtime/resume.py",
        "        if before.get(name) != now.get(name):",
        "        if before.get(name) is now.get(name) is None:",
        "tests/sessions/test_resumed_as_begun.py::"
        "test_a_killed_simulation_is_not_finished_under_other_settings[max_order_value]",
    ),
)
