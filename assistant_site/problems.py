"""RFC 9457 problems for what no view answered: unknown paths, crashes, refused requests."""
