"""The fictional sites, and where their entries stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sandbox.story import Feed
from sandbox.timeline import Entry


@dataclass(frozen=True, slots=True)
class Site:
    """A site as it presents itself. domain: stands in ids, which outlive any address."""

    feed: Feed
    name: str
    slogan: str
    domain: str


SITES: Final[dict[str, Site]] = {
    "forum": Site(
        "forum", "Kurventreff", "Das Forum für Leute mit Schräglage", "kurventreff.example"
    ),
    "news": Site("news", "Zweiradpresse", "Was die Fachpresse schreibt", "zweiradpresse.example"),
    "reviews": Site("reviews", "Bikebarometer", "Ehrlich bewertet", "bikebarometer.example"),
}


def address(entry: Entry) -> str:
    """The path of the entry's page."""
    return f"/{entry.post.feed}/t/{entry.thread}/{entry.id}"


def identity(site: Site, entry_id: str) -> str:
    """The id of an entry in its feed: a tag URI (RFC 4151), the same at every address."""
    return f"tag:{site.domain},2026:{entry_id}"
