"""The shipped lexicons, as data files."""
