"""The log files of a session: sys.log, trade.log, risk.log and their rotation."""
