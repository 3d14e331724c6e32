"""Trading, in its own layers: risk | strategy, brokers, engine."""
