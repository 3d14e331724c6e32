"""Feeds: finished bars, in order, each once."""
