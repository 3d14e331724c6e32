"""Local tables of bars: import, refill, fingerprints, quality verdicts, synthesis."""
