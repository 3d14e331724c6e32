"""The account's book as a fold over the journal, and holding it against the broker's."""
