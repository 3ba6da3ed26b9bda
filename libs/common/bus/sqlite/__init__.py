"""The embedded event log: one SQLite file, durable, for several processes at once.

`bus.py` is the log as its users see it; `member.py` and `reader.py` are those who poll.
`records.py`, `groups.py` and `tidy.py` say what the tables mean; `sessions.py` and `alive.py` who
still takes part. `threads.py` runs all SQL, never the event loop; `file.py` is the file and its
schema.
"""

from libs.common.bus.sqlite.bus import SqliteBus

__all__ = ["SqliteBus"]
