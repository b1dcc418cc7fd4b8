"""The service's real parts as processes that a benchmark or a test may kill, restart and count."""
