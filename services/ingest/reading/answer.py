"""What came back from a server: its content within limits, and what a broken exchange is called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from libs.common.errors import AddressRefused
from services.ingest.collector import Limits
from services.ingest.failure import NotAFeed, Refused, TooLarge, TooSlow, Unreachable
from services.ingest.reading.unpack import OverLimit, UnknownCoding, Unpacker

_LOOKED_AT: Final = 4096
_CHALLENGE: Final = re.compile(
    rb"cf-chl|challenge-platform|just a moment\.\.\.|attention required!|checking your browser"
    rb"|captcha|are you (?:a )?human|access denied|bot protection|verify you are",
    re.IGNORECASE,
)
# A comment ends at its first end: were that left open, many of them could be told apart in
# exponentially many ways.
_HTML: Final = re.compile(
    rb"\s*(?:<!--(?:(?!-->).)*-->\s*)*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+)?html\b", re.I | re.S
)


@contextmanager
def failures_named(seconds: float) -> Iterator[None]:
    """What goes wrong on the way becomes a CollectionFailed.

    seconds: the time limit that the block sets itself with `asyncio.timeout`.
    """
    try:
        yield
    except TimeoutError:
        raise TooSlow(f"not complete within {seconds:g} s") from None
    except AddressRefused as error:
        raise Refused(str(error)) from error
    except httpx.TimeoutException as error:
        raise TooSlow(f"no answer: {type(error).__name__}") from error
    except httpx.LocalProtocolError:
        # What it says shows the header, and that may be the credentials.
        raise Unreachable("the request cannot be sent: what is configured fits no header") from None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error


async def read_content(response: httpx.Response, limits: Limits) -> tuple[bytes, bool]:
    """The content, and whether it is all of it: what arrived before a connection broke is good."""
    length = response.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:18]) > limits.size:
        raise TooLarge(f"{length} bytes, and the limit is {limits.size}")
    try:
        unpacker = Unpacker(response.headers.get("content-encoding", ""), limits.size)
        try:
            async for piece in response.aiter_raw():
                unpacker.feed(piece)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if not unpacker.content():
                raise
            return unpacker.content(), False
        return unpacker.content(), unpacker.complete
    except OverLimit as error:
        raise TooLarge(f"{error} once unpacked") from None
    except UnknownCoding as error:
        raise NotAFeed(str(error)) from None


def is_html(body: bytes) -> bool:
    """Whether this is a page for browsers and no feed."""
    return _HTML.match(body.removeprefix(b"\xef\xbb\xbf")[:_LOOKED_AT]) is not None


def is_challenge(body: bytes) -> bool:
    """Whether an HTML page asks its reader to prove that it is a person."""
    return _CHALLENGE.search(body[: 16 * _LOOKED_AT]) is not None
