"""Goals and measured figures, side by side: ``make bench``."""
