"""Trading, in its own layers: ledger | risk | strategy, brokers, engine, settings, assemble."""
