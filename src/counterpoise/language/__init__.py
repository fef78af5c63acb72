"""A row as a sentence and back, and the grammar of what may be written (no torch here)."""
