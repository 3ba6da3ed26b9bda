"""The text a reader of HTML sees."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from html import unescape
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
_REST_OF_TAG: Final = r"""(?:\s++[a-zA-Z][\w:-]*+(?:="[^"<>\0]*+"|='[^'<>\0]*+')?+)*+\s*+/?+>"""
_SIMPLE_BREAKING: Final = re.compile(
    rf"</?+(?:p|br|li|div|[uo]l|h[1-6r]|blockquote|figure|figcaption|section){_REST_OF_TAG}"
)
_SIMPLE_INLINE: Final = re.compile(
    r"</?+(?:a|strong|span|small|su[bp]|s|b|em|img|ins|i|u|code|cite|q|del|mark|font|abbr)"
    rf"{_REST_OF_TAG}"
)
_SHORT_ENTITY: Final = re.compile(r"&[#\w]{2,7};")
_unescaped: Final = lru_cache(maxsize=2048)(unescape)
_ODD_ENTITY: Final = re.compile(
    r"&(?!(?:amp|lt|gt|quot|apos|nbsp|[aouAOU]uml|szlig|euro|hellip|[nm]dash|[lrb][sd]quo|[lr]aquo"
    r"|#(?:39|3[24]|1[6-9]\d|2\d\d|8[0-9]{3})|#x(?:2[27fF]|20[0-9a-f]{2}));)"
)
"""An ampersand that is not of the entities every reader reads alike."""
_CUT_ENTITY: Final = re.compile(r"&[#\w]*+<")  # removing the tag would make it whole
_SPACES: Final = (
    "\t\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
    "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
"""White space as `str.isspace` knows it, but for the space and the line feed."""
_MANY_SPACES: Final = re.compile("  +")
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # no UTF-8, or no database takes them


def visible_text(html: str) -> str:
    """What a reader sees of an HTML fragment: entities resolved, one line per block, white space
    collapsed, nothing of scripts and styles. Text without markup passes as it is, trimmed.

    Never fails: broken markup is read the way browsers do, as far as it goes.
    """
    return visible_texts((html,))[0]


def visible_texts(htmls: Iterable[str]) -> list[str]:
    """`visible_text` of each, several times as fast for many at once.

    Where all is paragraphs, lists, links, emphasis and usual entities, as nearly always, the texts
    go through each step together, joined by NUL, which none of them has. The rest is parsed.
    """
    fragments = [storable(html) for html in htmls]
    bare = _without_simple_tags("\0".join(fragments))
    spaced = _with_single_spaces(_SHORT_ENTITY.sub(_character, bare))
    return [
        _chosen(html, rest, text)
        for html, rest, text in zip(fragments, bare.split("\0"), spaced.split("\0"), strict=False)
    ]


def storable(text: str) -> str:
    """The text without what UTF-8 cannot write or no database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _NOT_TEXT.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


def _without_simple_tags(html: str) -> str:
    return _SIMPLE_INLINE.sub("", _SIMPLE_BREAKING.sub("\n", html.replace("\n", " ")))


def _character(entity: re.Match[str]) -> str:
    return _unescaped(entity[0])


def _with_single_spaces(text: str) -> str:
    for space in _SPACES:
        text = text.replace(space, " ")
    return _MANY_SPACES.sub(" ", text) if "  " in text else text


def _chosen(html: str, rest: str, text: str) -> str:
    """The visible text of `html`. `rest` is what the simple tags leave of it; `text` the same with
    entities resolved and single spaces, which is right unless there was more in it."""
    if "<" not in html and "&" not in html:
        return html.replace("\xa0", " ").strip()
    odd = "<" in rest or ("&" in rest and (_ODD_ENTITY.search(rest) or _CUT_ENTITY.search(html)))
    return _reader.text(html) if odd else _lines(text)


def _lines(text: str) -> str:
    return "\n".join(filter(None, map(str.strip, text.split("\n"))))


class _Reader(threading.local):
    """One parser per thread: making one costs more than most texts."""

    def __init__(self) -> None:
        self._seen = _Seen()
        # No DTD, no network; the depth limit of libxml2 holds, text beyond it is delivered.
        self._parser = etree.HTMLParser(target=cast(Any, self._seen), no_network=True)

    def text(self, html: str) -> str:
        self._parser.feed("<html><body>")  # else text before the first tag would be dropped
        # The end of a paragraph that another block had ended already is not reported.
        self._parser.feed(html.replace("</p>", "<br></p>"))
        with suppress(etree.XMLSyntaxError):  # nothing but markup that the parser gave up on
            self._parser.close()
        return _lines(_with_single_spaces(self._seen.taken()))


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
