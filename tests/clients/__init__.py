"""The real clients against a real server process: ``make test-clients``."""
