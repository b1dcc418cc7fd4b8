"""The documents tell the truth where a machine can check it."""
