"""Letters through a real SMTP server."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.smtp import SMTP, Envelope
from pydantic import TypeAdapter

from libs.common.clock import utc_now
from libs.common.errors import Retryable
from services.alert.notifier import Notifier, Refused, Surroundings
from services.alert.notifiers import email
from tests.support.backends import leave_out
from tests.unit.alert.builders import a_page, an_alarm


class Mailbox:
    """Keeps letters; answers the recipient and the data as it is told."""

    def __init__(self, *, recipient: str = "250 OK", data: Sequence[str] = ()) -> None:
        self._recipient = recipient
        self._data = list(data)
        self.letters: list[EmailMessage] = []

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self._recipient.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self._recipient

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        answer = self._data.pop(0) if self._data else "250 kept"
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.letters.append(message_from_bytes(content, policy=default))
        return answer


@asynccontextmanager
async def a_mail_server(
    mailbox: Mailbox,
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(mailbox, hostname="mail.example", tls_context=starttls),
        "127.0.0.1",
        0,
        ssl=tls,
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


@asynccontextmanager
async def a_notifier(port: int, query: str = "") -> AsyncIterator[Notifier]:
    config = TypeAdapter(email.Config).validate_python(
        {
            "id": "mail",
            "kind": "email",
            "smtp": f"smtp://127.0.0.1:{port}{query}",
            "from": "alarm@melder.example",
        }
    )
    surroundings = Surroundings("Motorrad AG", ZoneInfo("Europe/Berlin"), utc_now)
    async with config.open(surroundings) as notifier:
        yield notifier


async def test_a_letter_arrives_in_both_forms() -> None:
    mailbox = Mailbox()
    async with a_mail_server(mailbox) as port, a_notifier(port) as notifier:
        await notifier.send(a_page())
    (letter,) = mailbox.letters
    assert letter["Subject"] == "Motorrad AG: Produkt gefährdet Menschen"
    assert letter["To"] == "anna@example.org"
    assert letter["Auto-Submitted"] == "auto-generated"
    plain = letter.get_body(("plain",))
    html = letter.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "„Meine Bremse hat heute bei Tempo 120 versagt." in plain.get_content()
    assert "Noch hat niemand übernommen." in html.get_content()


async def test_an_incident_is_one_thread() -> None:
    mailbox = Mailbox()
    async with a_mail_server(mailbox) as port, a_notifier(port) as notifier:
        await notifier.send(a_page())
        await notifier.send(a_page(an_alarm("worsened", seq=7, level=5)))
        await notifier.send(a_page(an_alarm("resolved", seq=9, by="Anna")))
    root, *later = mailbox.letters
    assert [letter["References"] for letter in later] == [root["Message-ID"]] * 2
    assert [letter["In-Reply-To"] for letter in later] == [root["Message-ID"]] * 2
    assert {str(letter["Subject"]) for letter in later} == {f"Re: {root['Subject']}"}
    assert len({str(letter["Message-ID"]) for letter in mailbox.letters}) == 3


async def test_the_same_page_twice_is_recognised_by_its_message_id() -> None:
    mailbox = Mailbox()
    async with a_mail_server(mailbox) as port, a_notifier(port) as notifier:
        await notifier.send(a_page())
        await notifier.send(a_page())
    assert len({str(letter["Message-ID"]) for letter in mailbox.letters}) == 1


@pytest.mark.parametrize(
    "mailbox",
    [
        Mailbox(recipient="450 greylisted, come back"),
        Mailbox(data=["451 try later"]),
        Mailbox(data=["421 shutting down"]),
    ],
    ids=["recipient", "data", "server"],
)
async def test_4xx_is_tried_again(mailbox: Mailbox) -> None:
    async with a_mail_server(mailbox) as port, a_notifier(port) as notifier:
        with pytest.raises(Retryable, match="the mail server answered 4"):
            await notifier.send(a_page())


@pytest.mark.parametrize(
    "mailbox",
    [Mailbox(recipient="550 no such user"), Mailbox(data=["554 we think it is spam"])],
    ids=["recipient", "data"],
)
async def test_5xx_is_for_good(mailbox: Mailbox) -> None:
    async with a_mail_server(mailbox) as port, a_notifier(port) as notifier:
        with pytest.raises(Refused, match="the mail server answered 55"):
            await notifier.send(a_page())


async def test_a_mail_server_that_is_not_there_is_tried_again() -> None:
    async with a_mail_server(Mailbox()) as port:
        pass
    async with a_notifier(port) as notifier:
        with pytest.raises(Retryable):
            await notifier.send(a_page())


async def test_without_the_encryption_that_was_required_nothing_is_sent() -> None:
    mailbox = Mailbox()
    async with (
        a_mail_server(mailbox) as port,
        a_notifier(port, "?starttls=required") as notifier,
    ):
        with pytest.raises(Retryable, match="STARTTLS"):
            await notifier.send(a_page())
    assert mailbox.letters == []


class Certificate(NamedTuple):
    """A server's certificate, and the context of a client that trusts it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if shutil.which("openssl") is None:
        leave_out("openssl", "no openssl on the path to make a certificate with")
    folder = tmp_path_factory.mktemp("certificate")
    key, chain = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", chain, "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    return Certificate(server, ssl.create_default_context(cafile=chain))


def over_tls(url: str, trusted: ssl.SSLContext | None) -> email.EmailNotifier:
    return email.EmailNotifier(
        email.server(url),
        sender="alarm@melder.example",
        company="Motorrad AG",
        zone=ZoneInfo("Europe/Berlin"),
        tls=trusted,
    )


async def test_a_letter_goes_over_starttls(certificate: Certificate) -> None:
    mailbox = Mailbox()
    async with a_mail_server(mailbox, starttls=certificate.server) as port:
        url = f"smtp://127.0.0.1:{port}?starttls=required"
        await over_tls(url, certificate.client).send(a_page())
    assert len(mailbox.letters) == 1


async def test_a_letter_goes_over_tls(certificate: Certificate) -> None:
    mailbox = Mailbox()
    async with a_mail_server(mailbox, tls=certificate.server) as port:
        await over_tls(f"smtps://127.0.0.1:{port}", certificate.client).send(a_page())
    assert len(mailbox.letters) == 1


@pytest.mark.parametrize("query", ["", "?starttls=required"])
async def test_a_certificate_that_nobody_vouches_for_gets_no_letter(
    certificate: Certificate, query: str
) -> None:
    mailbox = Mailbox()
    async with a_mail_server(mailbox, starttls=certificate.server) as port:
        with pytest.raises(Retryable):
            await over_tls(f"smtp://127.0.0.1:{port}{query}", None).send(a_page())
    assert mailbox.letters == []
