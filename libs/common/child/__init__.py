"""Work in a child process: a core of its own, or limits that it may die of.

`process.py` is the parent's side, `jobs.py` what runs in the child.
"""
