"""When which source is read, by which copy, and what it may cost."""
