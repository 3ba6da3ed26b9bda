"""Feeds of every format, read into the same entries.

`read.py` is the way in: `fast.py` reads well-formed XML as it should be, `tolerant.py` everything
else in a confined process, `json_feed.py` JSON Feed. They give drafts of raw strings; `entry.py`
turns a draft into an entry, the same way for all.
"""
