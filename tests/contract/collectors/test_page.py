"""Pages are taken apart where they can do no harm."""

from __future__ import annotations

import msgspec

from services.ingest.reading.confined import ConfinedProcess
from services.ingest.reading.page_formats.read import read_page

GOOD = msgspec.json.encode({"@type": "Review", "reviewBody": "Motorrad gut"}).decode()
MARKED = (
    '<div itemscope itemtype="https://schema.org/Review"><p itemprop="reviewBody">schlecht</p>'
    "</div>"
)


async def test_a_hostile_page_costs_neither_the_process_nor_the_next_page() -> None:
    confined = ConfinedProcess()
    try:
        deep = "<div itemscope itemprop=x>" * 3_000
        brackets = f'<script type="application/ld+json">{"[" * 100_000}</script>'
        hostile = await read_page(
            f"<html>{brackets}{deep}</html>".encode(), "text/html", "https://a.example/", confined
        )
        good = f'<html><script type="application/ld+json">{GOOD}</script></html>'
        for page, text in ((good, "Motorrad gut"), (f"<html>{MARKED}</html>", "schlecht")):
            content = await read_page(page.encode(), "text/html", "https://a.example/", confined)
            assert [item.text for item in content.items] == [text]
        assert hostile.items == ()
    finally:
        await confined.close()
