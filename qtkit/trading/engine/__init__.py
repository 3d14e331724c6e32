"""The engine: states, schedule, tasks, orders, closing, the loop and its thread."""
