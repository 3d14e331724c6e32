"""A simulated broker with a durable book of its own: orders meet bars on its exchange."""
