"""The first page on the real services of query and alert, and a browser that looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from libs.common.auth import Gate
from libs.common.bus import CLASSIFIED, SOURCES, Bus
from libs.common.db import open_engine
from libs.common.events import (
    Classification,
    ClassifiedMention,
    Reason,
    SourceHealthChanged,
    mention_id,
    to_message,
)
from libs.common.service import create_app, serve
from services.alert.service import open_service as open_alert
from services.configuration import Configuration
from services.query.service import open_service as open_query
from tests.support.processes import free_ports

TOKEN = "let-me-in"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BURNING = "🔥🔥 Bei Tempo 120 hat die Bremse versagt, ein Freund ist schwer verletzt!"


def a_mention(number: int, text: str, cue: str = "", **fields: Any) -> ClassifiedMention:
    """A mention that was published just now; `cue` is the part of the text that decided."""
    label = fields.pop("label", "crisis_candidate")
    now = datetime.now(UTC)
    start = text.index(cue)
    reasons = (
        (
            Reason(
                cue="test", field="text", start=start, end=start + len(cue), label=label, weight=1
            ),
        )
        if cue
        else ()
    )
    return ClassifiedMention(
        id=mention_id("discourse", str(number), "motorrad-ag"),
        watch="motorrad-ag",
        source="forum",
        platform="discourse",
        native_id=str(number),
        kind="post",
        url="https://forum.example/t/1",
        text=text,
        published_at=now - timedelta(seconds=1),
        collected_at=now,
        classification=Classification(
            label=label,
            scores={label: 0.9},
            severity=fields.pop("severity", 0.9),
            reasons=reasons,
            lang="de",
            model="test-1",
            uncertain=fields.pop("uncertain", False),
        ),
    )


class Site:
    """The services on one address; they can stop and start again on the same log and store."""

    def __init__(self, folder: Path, bus: Bus) -> None:
        self._folder = folder
        self._bus = bus
        [self._port] = free_ports(1)
        self.address = f"http://127.0.0.1:{self._port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        engine = open_engine(f"sqlite:///{self._folder / 'store.db'}")
        settings, gate, stop = Configuration(), Gate(TOKEN), asyncio.Event()
        async with (
            open_query(settings, self._bus, engine, gate) as query,
            open_alert(settings, self._bus, engine, gate) as alert,
        ):
            services = [query, alert]
            app = create_app(services, "test")
            serving = asyncio.create_task(
                serve(app, services, host="127.0.0.1", port=self._port, stop=stop)
            )
            try:
                yield
            finally:
                stop.set()
                await serving
                await engine.dispose()

    async def all_stored(self) -> None:
        """Returns when the store has all that the stream has shown."""
        while sum((await self._bus.lag("query", [CLASSIFIED])).values()):
            await asyncio.sleep(0.05)

    async def tells(self, change: SourceHealthChanged) -> None:
        message = to_message(SOURCES, change.source, change, service="ingest")
        await self._bus.publish([message])

    async def publish(self, *mentions: ClassifiedMention) -> None:
        await self._bus.publish(
            [to_message(CLASSIFIED, m.watch, m, service="classify") for m in mentions]
        )


@asynccontextmanager
async def a_page(browser: Browser, width: int = 390, locale: str = "de-DE") -> AsyncIterator[Page]:
    """A phone's page. What the browser complains of, the content policy included, fails the test;
    answers of the server that a test asks for do not."""
    context = await browser.new_context(viewport={"width": width, "height": 844}, locale=locale)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: (
            complaints.append(message.text)
            if message.type == "error" and "Failed to load resource" not in message.text
            else None
        ),
    )
    page.set_default_timeout(15_000)
    yield page
    await context.close()
    assert complaints == []


async def sign_in(page: Page, site: Site, address: str = "/") -> None:
    await page.goto(f"{site.address}{address}#token={TOKEN}")
    await expect(page.locator("#connection-text")).to_have_text("Live")
