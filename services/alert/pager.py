"""From a decision that somebody is told to pages in the outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common import metrics
from libs.common.events import URGENT, IncidentEvent, Paged
from services.alert import outbox, store
from services.alert.evidence import Because, because
from services.alert.headline import headline, telling
from services.alert.incident import Incident
from services.alert.level import Levels
from services.alert.notify import Directory, Notice, Recipient, judge
from services.alert.page import (
    LONGEST_QUOTE,
    STEPS_ON_A_PAGE,
    Alarm,
    Gist,
    Page,
    Quote,
    Todo,
    Words,
    page_key,
)
from services.alert.playbook import Bilingual, Playbook, Playbooks
from services.alert.source import source_of
from services.alert.vocabulary import Vocabulary

REMINDERS_ON_A_PAGE: Final = 2
REASONS_ON_A_PAGE: Final = 3


class Pager:
    """Writes pages, in the transaction of the events that cause them.

    watches: names of the watches by id; public_url: where people reach Brandmelder.
    """

    def __init__(
        self,
        directory: Directory,
        playbooks: Playbooks,
        levels: Levels,
        watches: dict[str, str],
        public_url: str,
    ) -> None:
        self._directory = directory
        self._playbooks = playbooks
        self._levels = levels
        self._watches = watches
        self._public_url = public_url

    async def page(
        self,
        connection: AsyncConnection,
        before: Incident | None,
        events: Sequence[IncidentEvent],
        after: Incident,
        hints: Collection[str],
        now: datetime,
    ) -> Incident:
        """Pages whoever has to know about these events; returns the incident after that."""
        for verdict in judge(before, events, hints):
            if isinstance(verdict, Notice):
                after = await self._tell(connection, after, verdict, now)
        return after

    def gist(self, incident: Incident, quotes: Sequence[Quote], vocabulary: Vocabulary) -> Gist:
        """What these mentions of the incident say; vocabulary: of its watch."""
        title = self._playbooks.get(incident.playbook).title
        name = self._name_of_watch(incident)
        return Gist(
            headline=Words(
                headline(quotes, name, title.de, vocabulary),
                headline(quotes, name, title.en, vocabulary),
            ),
            mentions=tuple(quote.mention for quote in telling(quotes, vocabulary)),
        )

    async def _tell(
        self, connection: AsyncConnection, incident: Incident, notice: Notice, now: datetime
    ) -> Incident:
        alarm = await self._alarm(connection, incident, notice, now)
        pages = [_page(alarm, to) for to in self._directory.recipients(incident, notice)]
        await outbox.put(connection, pages, now)
        for page in pages:
            metrics.PAGES_MADE.labels(page.channel, notice.cause).inc()
        return await store.append(
            connection,
            incident,
            [
                Paged(
                    incident=incident.id,
                    at=now,
                    channel=page.channel,
                    page=page.key,
                    why=notice.why,
                    to=page.to,
                    cause=notice.cause,
                )
                for page in pages
            ],
        )

    async def _alarm(
        self, connection: AsyncConnection, incident: Incident, notice: Notice, now: datetime
    ) -> Alarm:
        playbook = self._playbooks.get(incident.playbook)
        extent = await store.extent(connection, incident.id)
        said = await store.gist(connection, incident.id)
        quote = None
        if notice.mention is not None:
            quote = await store.quoted(connection, incident.id, notice.mention)
        urgent = notice.cause in URGENT
        return Alarm(
            incident=incident.id,
            cause=notice.cause,
            seq=notice.seq,
            at=now,
            why=notice.why,
            watch=incident.watch,
            watch_name=self._name_of_watch(incident),
            theme=incident.theme,
            title=words(playbook.title),
            level=incident.level,
            state=incident.state,
            opened_at=incident.opened_at,
            since=extent.since or incident.opened_at,
            url=incident_url(self._public_url, incident.id),
            mentions=extent.mentions,
            voices=extent.voices,
            sources=extent.sources,
            quote=_cut(quote),
            steps=todo(playbook, incident)[:STEPS_ON_A_PAGE] if urgent else (),
            dont=tuple(map(words, playbook.dont[:REMINDERS_ON_A_PAGE])) if urgent else (),
            acknowledged_by=self._name(incident.acknowledged_by),
            acknowledged_at=incident.acknowledged_at,
            assigned_to=self._name(incident.assigned_to),
            by=self._name(notice.by),
            resolution=incident.resolution,
            headline=said.headline if said else None,
            because=_lines(because(incident.level, incident.measures, self._levels)),
        )

    def _name_of_watch(self, incident: Incident) -> str:
        source = source_of(incident.watch, incident.theme)
        return source or self._watches.get(incident.watch, incident.watch)

    def _name(self, by: str | None) -> str | None:
        return None if by is None else self._directory.name(by)


def todo(playbook: Playbook, incident: Incident) -> tuple[Todo, ...]:
    """The steps nobody has done yet, with the time each is due."""
    return tuple(
        Todo(step.id, words(step.text), words(step.owner), incident.opened_at + step.within)
        for step in playbook.steps
        if incident.done(step.id) is None
    )


def _lines(found: Because | None) -> tuple[Words, ...]:
    if found is None:
        return ()
    lines = found.holds[:REASONS_ON_A_PAGE]
    return (*lines, found.almost) if found.almost else lines


def words(text: Bilingual) -> Words:
    return Words(text.de, text.en)


def incident_url(public_url: str, incident: str) -> str:
    """Where a person finds the incident."""
    return f"{public_url.rstrip('/')}/?incident={incident}"


def _page(alarm: Alarm, to: Recipient) -> Page:
    return Page(
        key=page_key(alarm.incident, alarm.seq, to.channel, to.address),
        to=to.to,
        channel=to.channel,
        address=to.address,
        language=to.language,
        alarm=alarm,
    )


def _cut(quote: Quote | None) -> Quote | None:
    if quote is None or quote.text is None or len(quote.text) <= LONGEST_QUOTE:
        return quote
    return replace(quote, text=quote.text[: LONGEST_QUOTE - 1] + "…")
