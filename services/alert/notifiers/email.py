"""Pages as e-mail: plain text and HTML, one thread per incident.

The first letter's Message-ID is the thread's root; later ones refer to it and carry the same
subject. A Message-ID depends on the page alone, so a repeat is recognised by mail programs.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, formataddr, getaddresses, parseaddr
from typing import Annotated, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import aiosmtplib
from pydantic import AfterValidator, Field, SecretStr

from libs.common.errors import Retryable
from libs.common.events import URGENT
from libs.common.settings import Identifier, Strict
from services.alert.letter import as_html, as_plain, write
from services.alert.notifier import Delivered, Notifier, Refused, Surroundings
from services.alert.page import Page

ANSWER_SECONDS: Final = 15.0
"""For each answer of the mail server."""
SEND_LIMIT: Final = timedelta(seconds=30)
_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")

StartTls: TypeAlias = Literal["required", "auto", "never"]


class Server(NamedTuple):
    """A mail server, from `smtp://user:password@host:587?starttls=required` or `smtps://…`."""

    host: str
    port: int
    tls: bool
    starttls: StartTls
    username: str | None
    password: str | None


def server(url: str) -> Server:
    """Raises ValueError saying what was expected; the password is never repeated.

    STARTTLS is used where the server offers it (`auto`), and is required when there is a
    password to protect.
    """
    expected = "expected smtp://host:587 or smtps://host:465, with user:password@ if needed"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(expected) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError(expected)
    options = parse_qs(parts.query)
    starttls = options.pop("starttls", ["auto"])[-1]
    if options or starttls not in ("required", "auto", "never"):
        raise ValueError("expected no option but starttls=required, auto or never")
    tls = parts.scheme == "smtps"
    username = unquote(parts.username) if parts.username else None
    return Server(
        host=parts.hostname,
        port=port or (465 if tls else 587),
        tls=tls,
        starttls=_starttls(starttls, secret=username is not None),
        username=username,
        password=unquote(parts.password) if parts.password else None,
    )


def _starttls(asked: str, *, secret: bool) -> StartTls:
    if asked == "required" or (asked == "auto" and secret):
        return "required"
    return "never" if asked == "never" else "auto"


def _smtp_url(url: SecretStr) -> SecretStr:
    server(url.get_secret_value())
    return url


def mail_address(text: str) -> str:
    """`anna@example.org` or `Anna <anna@example.org>`. Raises ValueError for anything else."""
    found = [address for _, address in getaddresses([text])]
    if _CONTROL.search(text) or len(found) != 1 or not _ADDRESS.fullmatch(found[0]):
        raise ValueError("expected an e-mail address such as anna@example.org")
    return text


Address: TypeAlias = Annotated[str, AfterValidator(mail_address)]


class Config(Strict):
    """A mail server, whom letters come from, and whom they go to beside the people's contacts."""

    id: Identifier
    kind: Literal["email"]
    smtp: Annotated[SecretStr, AfterValidator(_smtp_url)]
    from_: Annotated[Address, Field(alias="from")]
    to: tuple[Address, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return self.to

    @property
    def limit(self) -> timedelta:
        return SEND_LIMIT

    @asynccontextmanager
    async def open(self, surroundings: Surroundings) -> AsyncIterator[Notifier]:
        yield EmailNotifier(
            server(self.smtp.get_secret_value()),
            sender=self.from_,
            company=surroundings.company,
            zone=surroundings.zone,
        )


class EmailNotifier:
    """Sends each page over a connection of its own: pages are rare, and servers hang up."""

    def __init__(
        self,
        server: Server,
        *,
        sender: str,
        company: str,
        zone: ZoneInfo,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._server = server
        self._sender = sender
        self._company = company
        self._zone = zone
        self._tls = tls

    async def send(self, page: Page) -> Delivered:
        message = compose(page, self._sender, self._company, self._zone)
        to = self._server
        try:
            _, answer = await aiosmtplib.send(
                message,
                hostname=to.host,
                port=to.port,
                username=to.username,
                password=to.password,
                timeout=ANSWER_SECONDS,
                use_tls=to.tls,
                start_tls={"required": True, "auto": None, "never": False}[to.starttls]
                if not to.tls
                else False,
                tls_context=self._tls,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            raise _judged(first.code, first.message) from error
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error.code, error.message) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Retryable(f"{type(error).__name__}: {error}") from error
        return Delivered(answer)


def _judged(code: int, answer: str) -> Retryable | Refused:
    """4xx means later, 5xx means never (RFC 5321, section 4.2.1)."""
    said = f"the mail server answered {code} {answer}"
    return Retryable(said) if 400 <= code < 500 else Refused(said)


def compose(page: Page, sender: str, company: str, zone: ZoneInfo) -> EmailMessage:
    """The letter with its headers. Raises Refused when a header would break out of its line."""
    alarm = page.alarm
    letter = write(alarm, page.language, zone)
    domain = parseaddr(sender)[1].rpartition("@")[2]
    reader = hashlib.blake2b(page.address.encode(), digest_size=4).hexdigest()
    root = f"<{alarm.incident}.{reader}.1@{domain}>"
    first = alarm.cause == "opened"
    message = EmailMessage(policy=SMTP_POLICY)
    headers = {
        "Subject": letter.subject if first else f"Re: {letter.subject}",
        "From": _sender(sender, company),
        "To": page.address,
        "Date": format_datetime(alarm.at),
        "Message-ID": root if first else f"<{alarm.incident}.{reader}.{alarm.seq}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Brandmelder-Page": page.key,
    }
    if not first:
        headers |= {"In-Reply-To": root, "References": root}
    if alarm.cause in URGENT:
        headers |= {"Importance": "high", "X-Priority": "1"}
    for name, value in headers.items():
        if _CONTROL.search(value):
            raise Refused(f"the header {name} would hold a line break or control character")
        message[name] = value
    message.set_content(as_plain(letter))
    message.add_alternative(as_html(letter, page.language), subtype="html")
    return message


def _sender(sender: str, company: str) -> str:
    name, address = parseaddr(sender)
    return formataddr((name or f"Brandmelder {company}", address))
