"""A site and a browser for the tests of the first page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from libs.common.bus import streams
from libs.common.bus.open import open_bus
from tests.support.first_page import ARGUMENTS, Site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    bus = await open_bus(f"sqlite:///{tmp_path / 'bus.db'}")
    await bus.create_topics(streams(3))
    yield Site(tmp_path, bus)
    await bus.close()


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    expect.set_options(timeout=15_000)  # the page asks for the incidents every four seconds
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        await browser.close()
