"""One file, `.env` and the environment, mapped onto what a session is started with."""
