"""What things are: instruments, bars, orders, books, intents, and every event. No I/O."""
