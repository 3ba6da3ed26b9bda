"""Discourse: every post as it is written, or a search for what the watches need.

https://docs.discourse.org, and the lists of the server itself: `/posts.json` and `/search.json`.
"""

from services.ingest.collectors.discourse.config import Config

__all__ = ["Config"]
