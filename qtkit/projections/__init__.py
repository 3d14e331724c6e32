"""Folds of a journal: what its events say about one thing, for engine, checks and desk."""
