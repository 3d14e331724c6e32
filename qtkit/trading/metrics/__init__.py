"""Numbers about executions and equity, each with its source."""
