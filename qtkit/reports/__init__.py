"""What is said about a session: its numbers, report, lists, daily sheet, and how two compare."""
