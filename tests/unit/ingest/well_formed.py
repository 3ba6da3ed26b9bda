"""The well-formed feeds in `feeds/`: those the fast parser reads, and those it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from services.ingest.reading.feed_formats.charset import decode

URL: Final = "https://news.example/feeds/all.xml"
_FEEDS: Final = Path(__file__).with_name("feeds")


def names(folder: str) -> list[str]:
    return sorted(path.stem for path in (_FEEDS / folder).glob("*.xml"))


READ_FAST: Final = names("fast")
LEFT_TO_THE_TOLERANT: Final = names("tolerant")


def feed(name: str) -> str:
    """The feed of that name, decoded as the service does it."""
    (path,) = _FEEDS.glob(f"*/{name}.xml")
    return decode(path.read_bytes(), "application/xml")
