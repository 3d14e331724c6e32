"""What a strategy is and how one is loaded."""
