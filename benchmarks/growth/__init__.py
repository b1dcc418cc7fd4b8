"""What grows with what is kept: rows in the database, and what answers leave in Redis."""
