"""Letters: one thread per incident, no header that is not ours."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from services.alert.notifier import Refused
from services.alert.notifiers.email import Server, compose, mail_address, server
from tests.unit.alert.builders import a_page, an_alarm

BERLIN = ZoneInfo("Europe/Berlin")


def headers() -> dict[str, str]:
    message = compose(a_page(), "alarm@melder.example", "Motorrad AG", BERLIN)
    return {name: str(value) for name, value in message.items()}


def test_the_first_letter_of_an_incident() -> None:
    page = a_page()
    message = compose(page, "alarm@melder.example", "Motorrad AG", BERLIN)
    found = dict(message.items())
    assert found.pop("Content-Type") == "multipart/alternative"
    assert found == {
        "Subject": "Motorrad AG: Produkt gefährdet Menschen",
        "From": "Brandmelder Motorrad AG <alarm@melder.example>",
        "To": "anna@example.org",
        "Date": "Sun, 22 Nov 2026 02:12:00 +0000",
        "Message-ID": "<5e0c7f1a2b3c4d5e.899e9ca8.1@melder.example>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Brandmelder-Page": page.key,
        "Importance": "high",
        "X-Priority": "1",
        "MIME-Version": "1.0",
    }
    plain, html = message.iter_parts()
    assert plain.get_content_type() == "text/plain"
    assert html.get_content_type() == "text/html"
    assert "Bremse" in plain.get_content()


def test_later_letters_stand_in_the_thread_of_the_first() -> None:
    worse = an_alarm("worsened", seq=9, level=5)
    message = compose(a_page(worse), "alarm@melder.example", "Motorrad AG", BERLIN)
    root = "<5e0c7f1a2b3c4d5e.899e9ca8.1@melder.example>"
    assert message["Subject"] == "Re: Motorrad AG: Produkt gefährdet Menschen"
    assert message["Message-ID"] == "<5e0c7f1a2b3c4d5e.899e9ca8.9@melder.example>"
    assert (message["In-Reply-To"], message["References"]) == (root, root)


def test_the_same_page_is_the_same_letter_on_every_try() -> None:
    first, second = headers(), headers()
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


def test_letters_to_two_people_are_two_letters() -> None:
    to_anna = compose(a_page(), "alarm@melder.example", "M", BERLIN)
    to_bela = compose(a_page(address="bela@example.org"), "alarm@melder.example", "M", BERLIN)
    assert to_anna["Message-ID"] != to_bela["Message-ID"]


def test_news_does_not_shout() -> None:
    message = compose(a_page(an_alarm("acknowledged", seq=5, by="Anna")), "a@m.example", "", BERLIN)
    assert message["Importance"] is None
    assert message["X-Priority"] is None


@pytest.mark.parametrize("injected", ["\n", "\r\n", "\r", "\x00"])
def test_a_header_that_would_break_out_of_its_line_is_refused(injected: str) -> None:
    alarm = an_alarm(watch_name=f"Motorrad{injected}Bcc: all@example.org")
    with pytest.raises(Refused, match="Subject"):
        compose(a_page(alarm), "alarm@melder.example", "Motorrad AG", BERLIN)
    with pytest.raises(Refused, match="To"):
        compose(a_page(address=f"a@b.example{injected}"), "a@m.example", "", BERLIN)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", Server("mail.example", 587, False, "auto", None, None)),
        ("smtp://mail.example:25", Server("mail.example", 25, False, "auto", None, None)),
        ("smtps://mail.example", Server("mail.example", 465, True, "auto", None, None)),
        (
            "smtp://u%40x:p%3Aw@mail.example",
            Server("mail.example", 587, False, "required", "u@x", "p:w"),
        ),
        (
            "smtp://mail.example?starttls=required",
            Server("mail.example", 587, False, "required", None, None),
        ),
        (
            "smtp://mail.example:25?starttls=never",
            Server("mail.example", 25, False, "never", None, None),
        ),
    ],
)
def test_a_mail_server_is_one_address(url: str, expected: Server) -> None:
    assert server(url) == expected


@pytest.mark.parametrize(
    "url", ["mail.example", "http://mail.example", "smtp://", "smtp://h:99999", "smtp://h?tls=1"]
)
def test_what_is_no_mail_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        server(url)


@pytest.mark.parametrize("text", ["anna", "anna@", "a@b\nBcc: c@d", "a b@c.example", "a@b,c@d"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected an e-mail address"):
        mail_address(text)
