"""``python -m qtkit`` is `qtkit`."""

from qtkit.cli import main

if __name__ == "__main__":
    main()
