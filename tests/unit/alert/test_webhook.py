"""What a webhook says, and what the receiver's answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest
from msgspec.structs import replace

from libs.common.errors import Retryable
from libs.common.retry import retry_after
from services.alert.notifier import Delivered, Refused
from services.alert.notifiers.webhook import BODY_LIMIT, body, judge
from tests.unit.alert.builders import NIGHT, an_alarm

BERLIN = ZoneInfo("Europe/Berlin")
NONE = httpx.Headers()


def test_the_body_is_a_typed_event_in_both_languages() -> None:
    said = json.loads(body(an_alarm(), BERLIN))
    text = said["data"].pop("text")
    assert text["de"].startswith("Stufe 3 von 6, frische Brise: ")
    assert text["en"].startswith("Level 3 of 6, fresh breeze: ")
    assert said == {
        "type": "incident.opened",
        "timestamp": "2026-11-22T02:12:00+00:00",
        "data": {
            "id": "5e0c7f1a2b3c4d5e",
            "watch": "motorrad-ag",
            "theme": "product-safety",
            "title": {"de": "Produkt gefährdet Menschen", "en": "Product puts people at risk"},
            "level": 3,
            "level_name": {"de": "frische Brise", "en": "fresh breeze"},
            "state": "open",
            "why": "rule danger: label:crisis_candidate severity>=0.7",
            "opened_at": "2026-11-22T02:12:00+00:00",
            "since": "2026-11-22T02:09:00+00:00",
            "mentions": 1,
            "voices": 1,
            "sources": ["bikeforum"],
            "acknowledged_by": None,
            "assigned_to": None,
            "by": None,
            "resolution": None,
            "evidence": {
                "id": "m1",
                "text": "Meine Bremse hat heute bei Tempo 120 versagt. Ich hatte Todesangst.",
                "url": "https://forum.example/1",
                "source": "bikeforum",
                "platform": "forum",
                "published_at": "2026-11-22T02:09:00+00:00",
                "label": "crisis_candidate",
                "severity": 0.82,
                "reasons": ["Bremse", "versagt"],
                "followers": 5400,
                "edited_at": None,
                "health": None,
            },
            "steps": [
                {
                    "id": "people-first",
                    "text": {"de": "Ist jemand verletzt?", "en": "Is someone hurt?"},
                    "owner": {"de": "Bereitschaft", "en": "On call"},
                    "due_at": "2026-11-22T02:22:00+00:00",
                },
                {
                    "id": "inform",
                    "text": {"de": "Sagen, was feststeht.", "en": "Say what is certain."},
                    "owner": {"de": "Pressestelle", "en": "Press office"},
                    "due_at": "2026-11-23T02:12:00+00:00",
                },
            ],
            "url": "https://melder.example/?incident=5e0c7f1a2b3c4d5e",
            "subject": {
                "de": "Motorrad AG: Produkt gefährdet Menschen",
                "en": "Motorrad AG: Product puts people at risk",
            },
        },
    }


@pytest.mark.parametrize("text", ["ä" * 2000, "🔥" * 2000, '"\\\n' * 660])
def test_the_body_stays_below_20_kb(text: str) -> None:
    assert len(body(an_alarm(text=text), BERLIN)) < BODY_LIMIT


def test_the_body_stays_below_20_kb_with_a_playbook_that_does_not() -> None:
    alarm = an_alarm()
    (step, *_) = alarm.steps
    endless = replace(alarm, steps=(replace(step, text=replace(step.text, de="ü" * 15_000)),))
    said = body(endless, BERLIN)
    assert len(said) < BODY_LIMIT
    assert json.loads(said)["data"]["id"] == alarm.incident


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert judge(status, NONE, NIGHT) == Delivered()


@pytest.mark.parametrize("status", [301, 308, 400, 401, 403, 404, 405, 410, 413, 422])
def test_what_repeating_cannot_help_is_refused(status: int) -> None:
    with pytest.raises(Refused, match=str(status)):
        judge(status, NONE, NIGHT)


@pytest.mark.parametrize("status", [302, 303, 307, 408, 425, 429, 500, 502, 503, 504])
def test_everything_else_is_tried_again(status: int) -> None:
    with pytest.raises(Retryable, match=str(status)):
        judge(status, NONE, NIGHT)


def test_the_receiver_may_say_when_to_come_back() -> None:
    with pytest.raises(Retryable) as raised:
        judge(429, httpx.Headers({"Retry-After": "120"}), NIGHT)
    assert raised.value.retry_after == 120.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        ("Sun, 22 Nov 2026 02:13:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 02:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("Sun, 22 Nov 99999999999999 02:13:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    now = datetime(2026, 11, 22, 2, 12, tzinfo=UTC)
    assert retry_after(header, now) == seconds
