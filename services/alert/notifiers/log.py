"""Pages as lines of the log: what the terminal shows, and the record when all else fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

import structlog

from libs.common.events import URGENT
from libs.common.settings import Identifier, Strict
from services.alert.letter import shortened, write
from services.alert.notifier import Delivered, Notifier, Surroundings
from services.alert.page import Page

log = structlog.get_logger(__name__)

QUOTED_LETTERS: Final = 200
SEND_LIMIT: Final = timedelta(seconds=5)


class Config(Strict):
    """A channel that needs nothing; one called `log` is always there."""

    id: Identifier
    kind: Literal["log"] = "log"

    @property
    def addresses(self) -> tuple[str, ...]:
        return ("",)

    @property
    def limit(self) -> timedelta:
        return SEND_LIMIT

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Notifier]:
        yield LogNotifier(surroundings.zone)


class LogNotifier:
    """Writes one line per page: a warning if somebody has to act."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    async def send(self, page: Page) -> Delivered:
        alarm = page.alarm
        letter = write(alarm, page.language, self._zone)
        fields: dict[str, object] = {
            "about": letter.subject,
            "what": " ".join(letter.lead),
            "stage": alarm.level,
            "incident": alarm.incident,
            "page": page.key,
        }
        if alarm.cause not in URGENT:
            log.info("news about an incident", **fields, url=letter.url)
            return Delivered()
        if alarm.quote is not None and alarm.quote.text is not None:
            fields["quote"] = shortened(alarm.quote.text, QUOTED_LETTERS)
            fields["where"] = alarm.quote.source
        if alarm.steps:
            fields["now"] = alarm.steps[0].text.in_language(page.language)
        log.warning("page", **fields, url=letter.url)
        return Delivered()
