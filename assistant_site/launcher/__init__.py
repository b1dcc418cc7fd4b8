"""The local services: what `make run` and `make test` start on one machine."""
