"""Configuration: TOML, `.env`, environment and arguments in one, with the place of every value."""
