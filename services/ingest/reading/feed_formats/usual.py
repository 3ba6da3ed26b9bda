"""Feeds of nothing but the plain, common elements: recognised by a pattern, not an XML parser.

What stands before the first entry is read by lxml. Each entry must then be, from its first byte to
its last, a row of known elements without surprises, one right after the other. What the pattern
matches is well-formed XML by its construction; everything else is Unusual and left to `fast.py`,
which would give the same entries. All work is on UTF-8, so that texts are decoded once, at the end.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Final, NamedTuple, TypeAlias

from lxml import etree

from services.ingest.reading.feed_formats.entry import (
    MOST_ENTRIES,
    Draft,
    Feed,
    Markup,
    finished,
    is_markup,
    person,
    person_in_one_line,
)
from services.ingest.reading.feed_formats.fast import (
    XML_LANG,
    Unusual,
    feed_language,
    format_of,
    linked,
    mended,
    parsed,
    resolved,
)
from services.ingest.reading.substitution import Substitution

_REFERENCE: Final = r"&(?:amp|lt|gt|quot|apos|\#[1-9]\d{2,3});"
_PASSED: Final = rf"[^<&\]]*+ (?:{_REFERENCE}[^<&\]]*+)*+"
_CDATA: Final = r"\s*<!\[CDATA\[ [^\]]*+ (?:\](?!\]>)[^\]]*+)*+ \]\]>\s*"
_VALUE: Final = rf"[^<]*+(?=</) | {_CDATA}"
_IN_QUOTES: Final = rf'"[^"<&]*+ (?:{_REFERENCE}[^"<&]*+)*+"'

_ADDRESS: Final = r"[!\#-%'-;=-Z_a-z~]++ (?:&amp;[!\#-%'-;=-Z_a-z~]*+)*+"


def _element(name: str, field: str, attributes: str = "") -> str:
    """An element of text that may stand in an entry once."""
    return rf"<{name}{attributes}> (?({field})(?!)) (?P<{field}>{_VALUE}) </{name}>"


def _ignored(name: str, *attributes: str) -> str:
    """An element that says nothing about an entry; its attributes are in this order."""
    listed = "".join(rf"(?:\s{attribute}={_IN_QUOTES})?" for attribute in attributes)
    return rf"<{name}{listed} (?: \s?/> | > (?:{_PASSED} | {_CDATA}) </{name}> )"


def _type(field: str) -> str:
    return rf'(?:\stype="(?P<{field}_type>text|html)")?'


_RSS: Final = {
    "": (
        _element("title", "title"),
        rf"<link>\s* (?(link)(?!)) (?P<link>{_ADDRESS})\s*</link>",
        _element("guid", "id", r'(?:\sisPermaLink="(?P<permalink>true|false)")?'),
        _element("pubDate", "published"),
        _element("author", "author"),
        _element("description", "summary"),
        _ignored("category", "domain"),
        _ignored("comments"),
        _ignored("enclosure", "url", "length", "type"),
        _ignored("source", "url"),
    ),
    "dc": (_element("dc:creator", "creator"), _element("dc:date", "updated")),
    "content": (_element("content:encoded", "content"),),
    "slash": (_element("slash:comments", "replies"),),
    "wfw": (_ignored("wfw:commentRss"),),
}
_ATOM: Final = {
    "": (
        _element("id", "id"),
        _element("title", "title", _type("title")),
        r'<link (?:\srel="alternate" | \stype="text/html")* (?(link)(?!))'
        rf' \shref="(?P<link>{_ADDRESS})" (?:\srel="alternate" | \stype="text/html")* \s?/>',
        r'<link\srel="(?:self|edit|replies)" (?:\stype="[\w/+]+")?'
        rf' \shref="{_ADDRESS}" \s?/>',
        _element("published", "published"),
        _element("updated", "updated"),
        _element("summary", "summary", _type("summary")),
        _element("content", "content", _type("content")),
        r"<author>\s*<name> (?(name)(?!)) (?P<name>[^<]*)</name>\s*"
        rf"(?:<uri>(?P<uri>{_ADDRESS})</uri>\s*)? (?:<email>(?P<email>{_ADDRESS})</email>\s*)?"
        r"</author>",
        _ignored("category", "term", "scheme", "label"),
    ),
}
_NAMESPACES: Final = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
}


_Values: TypeAlias = tuple[bytes | None, ...]
"""The contents of an element in all entries, None where there is none."""
_Fields: TypeAlias = Mapping[str, _Values]


class _Form(NamedTuple):
    """How the feeds of a format are put together."""

    entry: str
    end: bytes
    """What closes the elements around the entries."""
    drafts: Callable[[_Fields, str], Iterator[Draft]]
    """The drafts behind the fields of all entries; relative addresses are resolved."""


_GROUP: Final = re.compile(r"\(\?P<(\w+)>")
_CONDITION: Final = re.compile(r"\(\?\((\w+)\)")
_START: Final = re.compile(rb"<(?:item|entry)>")
_ANY_REFERENCE: Final = re.compile(rb"&(?:(amp|lt|gt|quot|apos)|#(\d{1,6})|#x([0-9a-fA-F]{1,5}));")
_NAMED: Final = {b"amp": b"&", b"lt": b"<", b"gt": b">", b"quot": b'"', b"apos": b"'"}
_AFTER_TAG: Final = re.compile(rb">\s+")
_resolve: Final = Substitution(
    "&(?:(lt)|(gt)|(quot)|(amp)|apos);", b"${1:+<:${2:+>:${3:+\":${4:+&:'}}}}"
)
_CONTROLS: Final = tuple(code for code in range(32) if code not in b"\t\n\r")


def parse_usual(body: bytes, url: str) -> Feed:
    """The feed in `body`, which is UTF-8 and was read from `url`. Raises Unusual."""
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    start = _START.search(body)
    if start is None or not _is_legal(body):
        raise Unusual("no entry without attributes, or characters that are not allowed")
    form = _FORMS[start[0]]
    root = parsed(body[: start.start()] + form.end, url)
    parent = _parent(root, form)
    pattern = _pattern(form.entry, _prefixes(parent))
    rows = [*_rows(body, start.start(), pattern, form)][:MOST_ENTRIES]
    fields = dict(zip(pattern.groupindex, zip(*rows, strict=True), strict=True))
    base, language = parent.base or "", feed_language(root, format_of(root))
    drafts = form.drafts(defaultdict(lambda: (None,) * len(rows), fields), base)
    return Feed(format=format_of(root), entries=finished(_in_language(drafts, language)))


def _is_legal(body: bytes) -> bool:
    """Whether all characters may stand in XML."""
    if any(control in body for control in _CONTROLS):
        return False
    return b"\xef" not in body or not (b"\xef\xbf\xbe" in body or b"\xef\xbf\xbf" in body)


def _parent(root: etree._Element, form: _Form) -> etree._Element:
    """The element around the entries."""
    parent = root
    if format_of(root) == "rss":
        if [child.tag for child in root] != ["channel"] or None in root[0].nsmap:
            raise Unusual("not one channel, or one in a namespace")
        parent = root[0]
        if root.get(XML_LANG) or parent.keys():
            raise Unusual("a language or a base that holds for some texts only")
    if any(child.tag.endswith(form.entry) for child in parent):
        raise Unusual("an entry with attributes")
    return parent


def _prefixes(parent: etree._Element) -> frozenset[str]:
    """The prefixes that mean what they nearly always do."""
    declared = parent.nsmap
    return frozenset(prefix for prefix, uri in _NAMESPACES.items() if declared.get(prefix) == uri)


@lru_cache(maxsize=64)
def _pattern(entry: str, prefixes: frozenset[str]) -> re.Pattern[bytes]:
    """Matches an entry; its fields are the groups."""
    elements = _RSS if entry == "item" else _ATOM
    known = "|".join(
        each for prefix, some in elements.items() if prefix in ("", *prefixes) for each in some
    )
    whole = rf"<{entry}>\s* (?:(?:{known})\s*)* </{entry}>\s*"
    fields = _GROUP.findall(whole)
    # A condition may refer to a group that is yet to come by its number only.
    whole = _CONDITION.sub(lambda found: f"(?({fields.index(found[1]) + 1})", whole)
    return re.compile(whole.encode("ascii"), re.VERBOSE)


def _rows(
    body: bytes, start: int, pattern: re.Pattern[bytes], form: _Form
) -> Iterator[tuple[bytes | None, ...]]:
    """The groups of each entry; there is nothing between the entries and nothing after them."""
    end = start
    for found in pattern.finditer(body, start):
        if found.start() != end:
            break
        end = found.end()
        yield found.groups()
    if form.end != _AFTER_TAG.sub(b">", body[end:]):
        raise Unusual("an entry that is not usual, or something after the last")


def _rss_drafts(fields: _Fields, base: str) -> Iterator[Draft]:
    for title, link, id, permalink, published, updated, author, summary, content, replies in zip(
        _texts(fields["title"]),
        _texts(fields["link"]),
        _texts(fields["id"]),
        fields["permalink"],
        _texts(fields["published"]),
        _texts(fields["updated"]),
        _texts(_either(fields["author"], fields["creator"])),
        _htmls(fields["summary"]),
        _htmls(fields["content"]),
        _texts(fields["replies"]),
        strict=True,
    ):
        link = linked(base, link) if link else ""
        if id and permalink != b"false":
            id = resolved(base, id)
            link = link or id
        yield Draft(
            id=id,
            link=link,
            title=Markup(title, is_markup(title, "text/plain", is_atom=False)),
            summary=Markup(summary, is_html=True),
            content=Markup(content, is_html=True),
            author=person_in_one_line(author),
            published=published,
            updated=updated,
            extras={"slash_comments": replies} if replies else {},
        )


def _atom_drafts(fields: _Fields, base: str) -> Iterator[Draft]:
    for id, title, link, published, updated, summary, content, name, uri, email in zip(
        _texts(fields["id"]),
        _markups(fields["title"], fields["title_type"]),
        _texts(fields["link"]),
        _texts(fields["published"]),
        _texts(fields["updated"]),
        _markups(fields["summary"], fields["summary_type"]),
        _markups(fields["content"], fields["content_type"]),
        _texts(fields["name"]),
        _texts(fields["uri"]),
        _texts(fields["email"]),
        strict=True,
    ):
        id = resolved(base, id)
        yield Draft(
            id=id,
            link=_linked(base, link) or id,
            title=title,
            summary=summary,
            content=content,
            author=person(name, email, resolved(base, uri)),
            published=published,
            updated=updated,
        )


def _either(some: _Values, others: _Values) -> _Values:
    pairs = [*zip(some, others, strict=True)]
    if any(None not in pair for pair in pairs):
        raise Unusual("two elements for the same")
    return tuple(one if other is None else other for one, other in pairs)


def _linked(base: str, address: str) -> str:
    link = resolved(base, address)
    if address and not link:
        raise Unusual("a link to nowhere")
    return link


def _in_language(drafts: Iterable[Draft], language: str) -> Iterator[Draft]:
    for draft in drafts:
        draft.lang = language
        yield draft


def _texts(values: _Values) -> list[str]:
    """The text in each element, without white space around it; empty where there is none."""
    if not any(values):
        return [""] * len(values)
    joined = b"\0".join(_resolved(values))
    texts = map(str.strip, joined.decode().split("\0"))
    return [*map(mended, texts)] if b"\xc2" in joined else [*texts]


def _htmls(values: _Values) -> list[bytes]:
    """The same as UTF-8, for HTML."""
    htmls = map(bytes.strip, _resolved(values))
    return [mended(html.decode().strip()).encode() if _is_odd(html) else html for html in htmls]


def _is_odd(html: bytes) -> bool:
    """Whether there may be something to mend, or white space beyond ASCII around it."""
    return b"\xc2" in html or html[:1] > b"\x7f" or html[-1:] > b"\x7f"


def _markups(values: _Values, types: _Values) -> list[Markup]:
    if all(declared == b"html" for declared in types):
        return [Markup(html, is_html=True) for html in _htmls(values)]
    return [
        Markup(text, is_html=declared == b"html")
        for text, declared in zip(_texts(values), types, strict=True)
    ]


def _resolved(values: _Values) -> list[bytes]:
    """What references and CDATA in the values stand for."""
    joined = b"\0".join([value or b"" for value in values])
    if b"<" not in joined:
        return _without_references(joined).split(b"\0")
    return [_value(value) if value else b"" for value in values]


def _value(value: bytes) -> bytes:
    value = value.strip()
    return value[9:-3] if value.startswith(b"<") else _without_references(value)


def _without_references(text: bytes) -> bytes:
    """`text` with its references resolved. Raises Unusual if it is not well-formed."""
    if b"]" in text and b"]]>" in text:
        raise Unusual("an end of CDATA without a start")
    if b"&" not in text:
        return text
    references = text.count(b"&")
    for resolve in (_resolve, partial(_ANY_REFERENCE.subn, _character)):
        if (answer := resolve(text)) and answer[1] == references:
            return answer[0]
    raise Unusual("an unknown reference")


def _character(reference: re.Match[bytes]) -> bytes:
    if reference[1]:
        return _NAMED[reference[1]]
    code = int(reference[2]) if reference[2] else int(reference[3], 16)
    if code not in (9, 10, 13) and not (
        32 <= code < 0xD800 or 0xE000 <= code < 0xFFFE or code > 0xFFFF
    ):
        raise Unusual("a character that is not allowed")
    return chr(code).encode()


_FORMS: Final = {
    b"<item>": _Form("item", b"</channel></rss>", _rss_drafts),
    b"<entry>": _Form("entry", b"</feed>", _atom_drafts),
}
