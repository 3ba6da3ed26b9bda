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

from services.ingest.reading.substitution import Substitution

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
_END_OF_TAG: Final = (
    r"""(?:[ \n\t]++[a-zA-Z][\w:-]*+(?:="[^"<>\0]*+"|='[^'<>\0]*+')?+)*+[ \n\t]*+/?+>"""
)
_without_tags: Final = Substitution(
    rf"""
    (?! \x20 [^ <&\t-\r\x1c-\x1f\xc2\xe1-\xe3] )  # not the single spaces between words
    (?: ( </?+ (?: p|br|li|div|[uo]l|h[1-6r]|blockquote|figure|figcaption|section ) {_END_OF_TAG} )
      | ( [ \t-\r\x1c-\x1f]++ | &(?:nbsp|\#160); | \xc2[\x85\xa0] | \xe1\x9a\x80
        | \xe2\x80[\x80-\x8a\xa8\xa9\xaf] | \xe2\x81\x9f | \xe3\x80\x80 )
      | </?+ (?: a|strong|span|small|su[bp]|s|b|em|img|ins|i|u|code|cite|q|del|mark|font|abbr )
        {_END_OF_TAG}
      | <iframe {_END_OF_TAG} </iframe>
    )++
    | ( &[#\w]*+ (?=<) )  # an entity that would become whole without the tag
    """,
    b"${1:+\n:${2:+ :${3:+<:}}}",
)
"""Instead of each run, in UTF-8, of simple tags and white space: a new line if there is a block in
it (group 1), else one space if there is any (2), else nothing."""
_AMPERSAND: Final = re.compile(rb"&([#\w]{0,12}+;?)")
_USUAL_ENTITY: Final = re.compile(
    rb"(?:amp|lt|gt|quot|apos|[aouAOU]uml|szlig|euro|hellip|[nm]dash|[lrb][sd]quo|[lr]aquo"
    rb"|#(?:39|34|1[6-9]\d|2\d\d|8[0-9]{3})|#x(?:2[27fF]|20[0-9a-f]{2}));"
)
"""The entities that every reader reads alike."""
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


def visible_texts(htmls: Iterable[str | bytes]) -> list[str]:
    """`visible_text` of each, several times as fast for many at once. Bytes are UTF-8.

    Where all is paragraphs, lists, links, emphasis and usual entities, as nearly always, one
    pattern reads the texts together, joined by NUL, which none of them has. The rest is parsed.
    """
    fragments = [html if isinstance(html, bytes) else storable(html).encode() for html in htmls]
    marked_up = [html for html in fragments if b"<" in html or b"&" in html]
    read = iter(_simple(marked_up) or [_alone(html) for html in marked_up])
    return [
        next(read) if b"<" in html or b"&" in html else html.decode().replace("\xa0", " ").strip()
        for html in fragments
    ]


def storable(text: str) -> str:
    """The text without what UTF-8 cannot write or no database takes."""
    if text.isascii() and "\0" not in text:
        return text
    try:
        text.encode("utf-16-le")  # objects to the same as UTF-8 does, in a tenth of the time
    except UnicodeEncodeError:
        return _NOT_TEXT.sub("\ufffd", text)
    return text.replace("\0", "\ufffd")


def _alone(html: bytes) -> str:
    simple = _simple([html])
    return simple[0] if simple else _reader.text(html.decode())


def _simple(htmls: list[bytes]) -> list[str] | None:
    """The visible text of each; None if there is more in them than simple tags and entities."""
    bare = _without_tags(b"<p>" + b"<p>\0<p>".join(htmls) + b"<p>")
    if bare is None or b"<" in bare[0]:
        return None
    pieces = _AMPERSAND.split(bare[0])  # text, entity, text, entity, ..., text
    characters = [*map(_character, pieces[1::2])]
    if None in characters:
        return None
    pieces[1::2] = cast(list[bytes], characters)
    # The paragraphs around each text have become line feeds.
    return [each.decode().strip("\n") for each in b"".join(pieces).split(b"\0")]


@lru_cache(maxsize=2048)
def _character(entity: bytes) -> bytes | None:
    """What an entity stands for; None if readers differ, or if it is white space."""
    if not _USUAL_ENTITY.fullmatch(entity):
        return None
    character = unescape(f"&{entity.decode()}")
    return None if character.isspace() else character.encode()


def _with_single_spaces(text: str) -> str:
    for space in _SPACES:
        text = text.replace(space, " ")
    return _MANY_SPACES.sub(" ", text) if "  " in text else text


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
