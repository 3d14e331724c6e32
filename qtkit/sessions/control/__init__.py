"""How a session in another process is started, reached, commanded and stopped."""
