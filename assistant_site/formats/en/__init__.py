"""English: a folder that Django looks for."""
