"""Pictures of what a backtest or a session did; each has a text twin with the same facts."""

from qtkit.desk.charts.chart import Chart
from qtkit.desk.charts.equity import equity
from qtkit.desk.charts.schedule import schedule, skips
from qtkit.desk.charts.trades import grid_lines, slippage

__all__ = ["Chart", "equity", "grid_lines", "schedule", "skips", "slippage"]
