"""How the sources are: what was observed of them, which are silent, and who is told."""
