"""The vocabulary of rules, models and calls; pure."""
