"""Facebook pages and Instagram accounts of one's own: posts, comments and mentions, delivered.

https://developers.facebook.com/docs/graph-api/webhooks
"""

from services.ingest.collectors.meta.hook import Config

__all__ = ["Config"]
