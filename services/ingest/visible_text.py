"""The text a reader of HTML sees."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from typing import Any, Final, cast

from lxml import etree

_BREAKING: Final = frozenset(
    """address article aside blockquote body br caption center dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol
    option p pre section summary table tbody tfoot thead tr ul""".split()  # noqa: SIM905 -- readable
)
_SPACING: Final = frozenset(("td", "th"))
_UNSEEN: Final = frozenset(
    """applet audio canvas embed head iframe link map math meta noembed noframes noscript object
    script select style svg template textarea title video""".split()  # noqa: SIM905 -- readable
)
_VOID: Final = frozenset(("embed", "link", "meta"))
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r" ?\n[ \n]*")
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # no UTF-8, or no database takes them


def visible_text(html: str) -> str:
    """What a reader sees of an HTML fragment: entities resolved, one line per block, white space
    collapsed, nothing of scripts and styles. Text without markup passes as it is, trimmed.

    Never fails: broken markup is read the way browsers do, as far as it goes.
    """
    html = _NOT_TEXT.sub("\ufffd", html)
    if "<" not in html and "&" not in html:
        return html.replace("\xa0", " ").strip()
    return _reader.text(html)


class _Reader(threading.local):
    """One parser per thread: making one costs more than most texts."""

    def __init__(self) -> None:
        self._seen = _Seen()
        # No DTD, no network; the depth limit of libxml2 holds, text beyond it is delivered.
        self._parser = etree.HTMLParser(target=cast(Any, self._seen), no_network=True)

    def text(self, html: str) -> str:
        self._parser.feed("<html><body>")  # else text before the first tag would be dropped
        self._parser.feed(html)
        with suppress(etree.XMLSyntaxError):  # nothing but markup that the parser gave up on
            self._parser.close()
        return _LINES.sub("\n", _BLANKS.sub(" ", self._seen.taken())).strip()


class _Seen:
    """Collects the visible pieces while the parser runs, without building a tree."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._unseen = 0

    def taken(self) -> str:
        """What was collected; the next text starts anew."""
        text = "".join(self.pieces)
        self.pieces.clear()
        self._unseen = 0
        return text

    def start(self, tag: str, attributes: object) -> None:
        if tag in _UNSEEN and tag not in _VOID:
            self._unseen += 1
        elif tag in _BREAKING:
            self.pieces.append("\n")
        elif tag in _SPACING:
            self.pieces.append(" ")

    def end(self, tag: str) -> None:
        if tag in _UNSEEN and tag not in _VOID:
            self._unseen -= 1
        elif tag in _BREAKING:
            self.pieces.append("\n")
        elif tag in _SPACING:
            self.pieces.append(" ")

    def data(self, text: str) -> None:
        if not self._unseen:
            self.pieces.append(text.replace("\n", " "))

    def close(self) -> None:
        return None


_reader: Final = _Reader()
