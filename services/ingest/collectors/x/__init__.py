"""Twitter/X through its API v2: recent search and the filtered stream."""

from services.ingest.collectors.x.config import Config

__all__ = ["Config"]
