"""Feeds of every format, read into the same entries.

`read.py` is the way in: `usual.py` recognises feeds of plain, common elements, `fast.py` reads
other well-formed XML as it should be, `tolerant.py` everything else in a confined process,
`json_feed.py` JSON Feed. They give drafts of raw strings; `entry.py` turns a draft into an entry,
the same way for all.
"""
