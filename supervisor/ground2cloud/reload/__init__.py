"""Notice that a file was saved, and say what changed in it."""
