"""Local tables of one-minute bars: import, refill, fingerprints, quality verdicts, synthesis."""
