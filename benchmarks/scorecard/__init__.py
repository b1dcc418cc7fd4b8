"""The kill score card: people ask, parts of the service are killed, and then the books are audited."""
