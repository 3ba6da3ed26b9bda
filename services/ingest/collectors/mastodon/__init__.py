"""Mastodon and servers that speak its API: hashtags as timelines or as a stream, and search."""

from services.ingest.collectors.mastodon.config import Config

__all__ = ["Config"]
