"""Output guard: looks at what models write, on the way to the reader."""
