"""Engines under inspection: our own, and other people's, each a `Target`."""
