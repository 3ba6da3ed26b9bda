"""The page as the terminal shows it."""

from __future__ import annotations

import logging
from zoneinfo import ZoneInfo

import pytest

from services.alert.notifiers.log import LogNotifier
from tests.unit.alert.builders import BRAKES, a_page, an_alarm

NOTIFIER = LogNotifier(ZoneInfo("Europe/Berlin"))


def fields(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    (record,) = caplog.records
    assert isinstance(record.msg, dict)
    return {name: value for name, value in record.msg.items() if name != "timestamp"}


async def test_a_page_is_one_warning_with_all_that_matters(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    page = a_page()
    await NOTIFIER.send(page)
    assert fields(caplog) == {
        "event": "page",
        "level": "warning",
        "logger": "services.alert.notifiers.log",
        "about": "Motorrad AG: Produkt gefährdet Menschen",
        "what": "Stufe 3 von 6, frische Brise: anhaltende Kritik, die auf weitere Kanäle "
        "überspringen kann. Ab hier ist es gefährlich. Noch hat niemand übernommen.",
        "stage": 3,
        "incident": page.alarm.incident,
        "page": page.key,
        "quote": BRAKES,
        "where": "bikeforum",
        "now": "Ist jemand verletzt?",
        "url": page.alarm.url,
    }


async def test_that_somebody_took_it_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await NOTIFIER.send(a_page(an_alarm("acknowledged", seq=4, by="Anna")))
    found = fields(caplog)
    assert (found["event"], found["level"], found["what"]) == (
        "news about an incident",
        "info",
        "Anna hat übernommen und kümmert sich.",
    )
