"""The sheet of one trading day: rows per stage, what operators write on it, and its record."""
