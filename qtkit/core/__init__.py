"""The lowest layer: errors, verdicts, clocks, calendars, configuration, folders."""
