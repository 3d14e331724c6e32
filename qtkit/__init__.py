"""Stage checklists for trading strategies, executable: from research to live, in the notebook."""

__version__ = "0.1.0"

__all__ = ["__version__"]
