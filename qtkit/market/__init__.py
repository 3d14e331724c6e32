"""Bars on disk and on their way in."""
