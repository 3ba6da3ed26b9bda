"""What the API shows of an incident, as JSON-ready values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from libs.common.events import (
    Acknowledged,
    Assigned,
    IncidentEvent,
    IncidentOpened,
    LevelChanged,
    Noted,
    Paged,
    PageDelivered,
    PageFailed,
    Rated,
    Resolved,
    SignalJoined,
    StepDone,
)
from libs.common.settings import Language
from services.alert.evidence import Because, because
from services.alert.incident import Incident
from services.alert.level import Levels
from services.alert.notify import Directory
from services.alert.outbox import Sent
from services.alert.page import Gist, Quote, Words
from services.alert.pager import incident_url
from services.alert.playbook import Bilingual, Playbook, Playbooks, clock_text
from services.alert.read import Counted
from services.alert.signal import HINT, OPERATIONS
from services.alert.texts import level_name, texts

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


class View:
    """Lays incidents out for people and programs."""

    def __init__(
        self, playbooks: Playbooks, directory: Directory, levels: Levels, public_url: str
    ) -> None:
        self._playbooks = playbooks
        self._levels = levels
        self._directory = directory
        self._public_url = public_url

    def brief(self, incident: Incident, mentions: int, gist: Gist | None) -> dict[str, Json]:
        """As it stands in a list."""
        playbook = self._playbooks.get(incident.playbook)
        name = level_name(incident.level)
        return {
            "id": incident.id,
            "watch": incident.watch,
            "theme": incident.theme,
            "title": incident.title,
            "headline": _words(gist.headline) if gist else None,
            "level": incident.level,
            "level_name": {"de": name.de, "en": name.en},
            "state": incident.state,
            "opened_at": _time(incident.opened_at),
            "updated_at": _time(incident.updated_at),
            "acknowledged_by": incident.acknowledged_by,
            "acknowledged_at": _time(incident.acknowledged_at),
            "assigned_to": incident.assigned_to,
            "resolved_by": incident.resolved_by,
            "resolved_at": _time(incident.resolved_at),
            "paged": bool(incident.told),
            "noise": incident.noise,
            "rank": round(incident.rank, 3),
            "mentions": mentions,
            "playbook": {"id": playbook.id, "title": _both(playbook.title)},
            "steps": _steps(playbook, incident),
            "url": incident_url(self._public_url, incident.id),
        }

    def full(
        self,
        counted: Counted,
        events: Sequence[IncidentEvent],
        evidence: Sequence[Quote],
        story: Sequence[Quote],
        pages: Sequence[Sent],
    ) -> dict[str, Json]:
        """With all that is known about it. story: the mentions that tell it best, by time."""
        incident = counted.incident
        playbook = self._playbooks.get(incident.playbook)
        return {
            **self.brief(*counted),
            "resolution": incident.resolution,
            "timeline": list(self.timeline(events, playbook)),
            "story": [_evidence(quote) for quote in story],
            "evidence": [_evidence(quote) for quote in evidence],
            "pages": [_page(page) for page in pages],
            "level_evidence": _because(because(incident.level, incident.measures, self._levels)),
            "do": [_both(line) for line in playbook.do],
            "dont": [_both(line) for line in playbook.dont],
            "holding_statement": _both(playbook.holding_statement),
        }

    def timeline(
        self, events: Sequence[IncidentEvent], playbook: Playbook
    ) -> Iterator[dict[str, Json]]:
        """One entry per event in order; posts that joined one after another are one entry."""
        position = 0
        while position < len(events):
            joined = _run_of_posts(events, position)
            event = events[position + max(joined, 1) - 1]
            position += max(joined, 1)
            yield {
                "seq": position,
                "at": _time(event.at),
                "event": type(event).__struct_config__.tag,
                "by": getattr(event, "by", None),
                "why": getattr(event, "why", None),
                "count": max(joined, 1),
                "text": {
                    "de": self._line(event, joined, playbook, "de"),
                    "en": self._line(event, joined, playbook, "en"),
                },
            }

    def _line(
        self, event: IncidentEvent, joined: int, playbook: Playbook, language: Language
    ) -> str:
        words = texts(language).timeline
        match event:
            case SignalJoined() if event.rule == HINT:
                return words.hint_joined
            case SignalJoined() if event.rule == OPERATIONS:
                return words.source_joined.format(why=event.why)
            case SignalJoined():
                return (
                    words.signals_joined.format(count=joined) if joined > 1 else words.signal_joined
                )
            case IncidentOpened() | LevelChanged():
                return _graded(event, language)
            case Paged():
                return words.paged.format(to=self._told(event.to))
            case PageDelivered():
                return words.page_delivered.format(to=self._told(event.to))
            case PageFailed():
                return words.page_failed.format(to=self._told(event.to), why=event.why)
            case _:
                return self._by_a_person(event, playbook, language)

    def _by_a_person(
        self,
        event: Acknowledged | Assigned | Noted | StepDone | Rated | Resolved,
        playbook: Playbook,
        language: Language,
    ) -> str:
        words = texts(language).timeline
        by = self._directory.name(event.by)
        match event:
            case Acknowledged():
                return words.acknowledged.format(by=by)
            case Assigned():
                return words.assigned.format(by=by, to=self._directory.name(event.to))
            case Noted():
                return words.noted.format(by=by, text=event.text)
            case StepDone():
                steps = {step.id: step.text.in_language(language) for step in playbook.steps}
                return words.step_done.format(by=by, step=steps.get(event.step, event.step))
            case Rated():
                said = words.noise if event.noise else words.useful
                return said.format(by=by, why=event.why).strip()
            case Resolved():
                return words.resolved.format(by=by)

    def _told(self, to: str) -> str:
        _, _, identifier = to.partition(":")
        return self._directory.name(identifier)


def _graded(event: IncidentOpened | LevelChanged, language: Language) -> str:
    words = texts(language)
    template = words.timeline.level_changed
    if isinstance(event, IncidentOpened):
        template = words.timeline.opened
    level = words.levels[event.level]
    return template.format(level=event.level, level_name=level.name, level_meaning=level.meaning)


def _run_of_posts(events: Sequence[IncidentEvent], start: int) -> int:
    """How many posts joined from here on without anything else in between; hints and reports about
    sources stand alone."""
    length = 0
    for event in events[start:]:
        if not isinstance(event, SignalJoined) or event.rule in (HINT, OPERATIONS):
            break
        length += 1
    return length


def _steps(playbook: Playbook, incident: Incident) -> list[Json]:
    steps: list[Json] = []
    for step in playbook.steps:
        done = incident.done(step.id)
        steps.append(
            {
                "id": step.id,
                "text": _both(step.text),
                "owner": _both(step.owner),
                "within": clock_text(step.within),
                "due_at": _time(incident.opened_at + step.within),
                "done_by": done.by if done else None,
                "done_at": _time(done.at) if done else None,
            }
        )
    return steps


def _evidence(quote: Quote) -> dict[str, Json]:
    return {
        "id": quote.mention,
        "text": quote.text,
        "url": quote.url,
        "source": quote.source,
        "platform": quote.platform,
        "published_at": _time(quote.published_at),
        "label": quote.label,
        "severity": quote.severity,
        "reasons": list(quote.words),
        "edited_at": _time(quote.edited_at),
        "health": quote.report.health if quote.report else None,
    }


def _page(page: Sent) -> dict[str, Json]:
    return {
        "id": page.id,
        "cause": page.cause,
        "to": page.to,
        "channel": page.channel,
        "state": page.state,
        "created_at": _time(page.created_at),
        "attempts": page.attempts,
        "ended_at": _time(page.ended_at),
        "reason": page.reason,
    }


def _both(text: Bilingual) -> dict[str, Json]:
    return {"de": text.de, "en": text.en}


def _because(found: Because | None) -> dict[str, Json] | None:
    if found is None:
        return None
    return {
        "holds": [_words(line) for line in found.holds],
        "almost": _words(found.almost) if found.almost else None,
    }


def _words(words: Words) -> dict[str, Json]:
    return {"de": words.de, "en": words.en}


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
