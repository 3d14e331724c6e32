"""Sessions as people see them: starting one, what it leaves, and what it adds up to."""
