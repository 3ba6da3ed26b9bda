"""Well-formed feeds, read with lxml: several times as fast as the tolerant parser.

It reads what it knows for sure and raises Unusual for everything else, so that both parsers give
the same entries; a property test holds them together. Entities, DTDs and the network stay off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Final

from lxml import etree

from services.ingest.post import PostAuthor
from services.ingest.reading.feed_formats.entry import (
    MOST_ENTRIES,
    Draft,
    Feed,
    Markup,
    finished,
    is_markup,
    joined,
    person,
    person_in_one_line,
)

_ATOM: Final = "http://www.w3.org/2005/Atom"
_RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ABOUT: Final = f"{{{_RDF}}}about"
_XML_BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"
_BASE: Final = re.compile(r"[\w:/.?=&%~+-]*", re.ASCII)
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_PREFIXES: Final = {
    "": "",
    _ATOM.lower(): "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://backend.userland.com/rss": "",
    "http://backend.userland.com/rss2": "",
    "http://blogs.law.harvard.edu/tech/rss": "",
    _RDF.lower(): "rdf_",
    "http://purl.org/dc/elements/1.1/": "dc_",
    "http://purl.org/dc/terms/": "dcterms_",
    "http://purl.org/rss/1.0/modules/content/": "content_",
    "http://purl.org/rss/1.0/modules/slash/": "slash_",
    "http://search.yahoo.com/mrss": "media_",
    "http://search.yahoo.com/mrss/": "media_",
    "http://wellformedweb.org/commentapi/": "wfw_",
    "http://www.w3.org/1999/xhtml": "xhtml_",
}
_FIELDS: Final = {
    "link": "link",
    "title": "title",
    "description": "summary",
    "summary": "summary",
    "content": "content",
    "content_encoded": "content",
    "guid": "id",
    "id": "id",
    "author": "author",
    "dc_creator": "author",
    "dc_author": "author",
    "dc_language": "lang",
    "pubdate": "published",
    "published": "published",
    "issued": "published",
    "dcterms_issued": "published",
    "updated": "updated",
    "modified": "updated",
    "dc_date": "updated",
    "dcterms_modified": "updated",
    "created": "created",
    "dcterms_created": "created",
}
"""Which field of a draft an element is; all but links may stand in an entry once."""
_MARKUPS: Final = frozenset(("title", "summary", "content"))
_DEFAULT_TYPES: Final = {"description": "text/html", "content_encoded": "text/html"}
_PASSED_OVER: Final = frozenset(
    """category comments contributor dc_rights dc_subject dc_publisher dc_contributor enclosure
    generator keywords media_category media_content media_keywords media_thumbnail rights
    rdf_type source""".split()  # noqa: SIM905 -- readable
)
_KNOWN_BY_FEEDPARSER: Final = re.compile(
    r"itunes_|media_(?!starrating)|dc_|dcterms_|gml_|georss_|where|xhtml_|psc_|cc_|admin_"
    r"|(?:abstract|body|channel|cloud|copyright|email|entry|expirationdate|feed|fullitem|height"
    r"|homepage|image|info|item|language|lastbuilddate|managingeditor|name|newlocation|prodlink"
    r"|subtitle|tagline|tags|textinput|uri|url|webmaster|width|div)$"
)
_TYPES: Final = {"text": "text/plain", "html": "text/html", "xhtml": "application/xhtml+xml"}
_PAGES: Final = frozenset(("text/html", "application/xhtml+xml"))
_OF_WINDOWS: Final = re.compile("[\x80\x82-\x8c\x8e\x91-\x9c\x9e\x9f]")
"""Where Windows-1252 has a character and Latin-1, which it is taken for, has none."""
_ABSOLUTE: Final = re.compile(
    r"https?://[!\"$-:<->@-Z\\^-~]++(?:\?[!\"$-~]++)?+(?:#[!-~]++)?+|(?:tag|urn):[\w.:,/?=&%+-]*+",
    re.ASCII,
)
"""An address that stays what it is, whatever it is joined with."""
_BARE_ENTITY: Final = re.compile(r"&([A-Za-z0-9_]+);")


class Unusual(Exception):
    """Not well-formed, or with something this parser does not read for sure."""


def parse_fast(text: str, url: str) -> Feed:
    """The feed in `text`, which was read from `url`. Raises Unusual."""
    root = parsed(text.encode("utf-8", "replace"), url)
    form = format_of(root)
    return Feed(format=form, entries=finished(islice(_drafts(root, form), MOST_ENTRIES)))


def parsed(document: bytes, url: str) -> etree._Element:
    """The root of a document, which was read from `url`. Raises Unusual."""
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise Unusual("a document type")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )
    try:
        root = etree.fromstring(document, parser, base_url=url)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unusual(str(error)) from error
    if not _BASE.fullmatch(root.get(_XML_BASE, "")):
        raise Unusual("a base with characters that have to be escaped")
    return root


def format_of(root: etree._Element) -> str:
    name = etree.QName(root)
    if name.localname == "feed" and name.namespace == _ATOM:
        return "atom"
    if name.localname == "rss" and not name.namespace:
        return "rss"
    if name.localname == "RDF" and name.namespace == _RDF:
        return "rdf"
    raise Unusual(f"the root {root.tag!r:.100}")


def _drafts(root: etree._Element, form: str) -> Iterator[Draft]:
    wanted = "entry" if form == "atom" else "item"
    language = feed_language(root, form)
    for parent in (root, *(child for child in root if _name(child) == "channel")):
        inherited = parent.get(XML_LANG) or root.get(XML_LANG) or ""
        for child in parent:
            if _name(child) == wanted:
                yield _draft(child, form == "atom", inherited, language)


def feed_language(root: etree._Element, form: str) -> str:
    declared = root.get(XML_LANG, "")
    if form == "atom":
        return declared
    for channel in root:
        if _name(channel) == "channel":
            for child in channel:
                if _name(child) in ("language", "dc_language"):
                    if len(child):
                        raise Unusual("elements inside a language")
                    return (child.text or "").strip()
    return declared


def _name(element: etree._Element) -> str:
    """`prefix_name` in lower case: the usual prefix of well-known namespaces, else the given."""
    known = _known_name(element.tag)
    if known is not None:
        return known
    prefix = f"{element.prefix.lower()}_" if element.prefix else "?_"
    return prefix + element.tag.rpartition("}")[2].lower()


@lru_cache(maxsize=512)
def _known_name(tag: str) -> str | None:
    """The name of an element in a well-known namespace, or in none."""
    namespace, closed, local = tag.rpartition("}")
    prefix = _PREFIXES.get(namespace[1:].lower()) if closed else ""
    return None if prefix is None else prefix + local.lower()


@lru_cache(maxsize=512)
def _part(tag: str) -> tuple[str, str | None]:
    """The name of an element, and which part of an entry it is: a field of its draft, a link,
    nothing that matters (empty), or an extension (None)."""
    name = _known_name(tag) or "?"
    return name, "" if name in _PASSED_OVER else _FIELDS.get(name)


def _draft(item: etree._Element, is_atom: bool, inherited: str, language: str) -> Draft:
    """The draft of an entry. `inherited` is the language declared around it, if any; `language`
    that of the feed."""
    about = item.get(_ABOUT)
    draft = Draft(id=mended(about) if about else "")
    seen: dict[str, etree._Element] = {}
    for child in item:
        name, part = _part(child.tag)
        if part is None:
            _read_extension(child, draft)
        elif part == "link":
            _read_link(child, draft)
        elif part in seen:
            raise Unusual(f"a second {part}")
        elif part:
            seen[part] = child
            _read_field(child, part, name, draft, is_atom)
    for part in ("content", "summary"):
        if part in seen and not draft.lang:
            draft.lang = seen[part].get(XML_LANG) or item.get(XML_LANG) or inherited
    draft.lang = draft.lang or language
    return draft


def _read_field(child: etree._Element, part: str, name: str, draft: Draft, is_atom: bool) -> None:
    if part in _MARKUPS:
        setattr(draft, part, _markup(child, name, is_atom))
    elif part == "author":
        draft.author = _author(child)
    elif part == "id":
        _read_id(child, draft)
    else:
        setattr(draft, part, _text(child))


def _read_extension(element: etree._Element, draft: Draft) -> None:
    """Harmless unless a part of it would be taken for one of the entry's."""
    for part in element.iter():
        name = _name(part)
        if name in _FIELDS:
            raise Unusual(f"{name} inside {_name(element)}")
        if len(part) == 0 and name not in _PASSED_OVER:
            _read_extra(part, name, draft)


def _read_extra(child: etree._Element, name: str, draft: Draft) -> None:
    if name.startswith("?") or _KNOWN_BY_FEEDPARSER.match(name):
        raise Unusual(f"the element {name}")
    if child.attrib:
        draft.extras[name] = {
            etree.QName(str(key)).localname.lower(): mended(str(value))
            for key, value in child.attrib.items()
        }
    else:
        draft.extras[name] = _text(child)


def _read_link(child: etree._Element, draft: Draft) -> None:
    attributes = child.keys()
    if "uri" in attributes or "url" in attributes:
        raise Unusual("a link that is not in its usual place")
    if "href" not in attributes:
        draft.link = linked(child.base or "", _text(child))
        return
    href, kind = child.get("href", ""), child.get("type", "text/html").lower()
    if len(child) or not href:
        raise Unusual("an empty link, or elements inside")
    if child.get("rel", "alternate").lower() == "alternate" and _TYPES.get(kind, kind) in _PAGES:
        draft.link = resolved(child.base or "", href)


def _read_id(child: etree._Element, draft: Draft) -> None:
    draft.id = _text(child)
    if child.get("isPermaLink", "true") == "true":
        draft.id = resolved(child.base or "", draft.id)
        draft.link = draft.link or draft.id


def _author(child: etree._Element) -> PostAuthor | None:
    if len(child) == 0:
        return person_in_one_line(_text(child))
    parts: dict[str, str] = {}
    for part in child:
        name = _name(part)
        if name not in ("name", "email", "uri", "url") or len(part) or name in parts:
            raise Unusual(f"{name} in an author")
        parts[name] = _text(part)
    url = parts.get("uri") or parts.get("url")
    return person(
        parts.get("name"), parts.get("email"), resolved(child.base or "", url) if url else None
    )


def _markup(child: etree._Element, name: str, is_atom: bool) -> Markup:
    declared = _DEFAULT_TYPES.get(name, "text/plain")
    if child.keys():
        declared = child.get("type", declared).lower()
        declared = _TYPES.get(declared, declared)
        if declared == "application/xhtml+xml":
            return Markup(_inner(child), is_html=True)
        if declared not in ("text/plain", "text/html") or child.get("mode"):
            raise Unusual(f"{declared} in {name}")
    value = _text(child)
    return Markup(value, is_markup(value, declared, is_atom))


def _inner(child: etree._Element) -> str:
    pieces = [child.text or ""]
    pieces += [etree.tostring(part, encoding="unicode", method="html") for part in child]
    return "".join(pieces)


def _text(element: etree._Element) -> str:
    if len(element):
        raise Unusual(f"elements inside {_name(element)}")
    text = (element.text or "").strip()
    return text if text.isascii() else mended(text)


def mended(text: str) -> str:
    """UTF-8 that somebody took for Latin-1 and encoded again, repaired; and the characters that
    Windows has where Latin-1 has none."""
    if b"\xc2" not in text.encode():
        return text  # has none of what bytes of UTF-8 and signs of Windows become in Latin-1
    with suppress(UnicodeError):
        text = text.encode("latin-1").decode()
    return _OF_WINDOWS.sub(lambda found: found[0].encode("latin-1").decode("cp1252"), text)


def linked(base: str, address: str) -> str:
    """The address in the text of a link. Raises Unusual when there is none."""
    link = resolved(base, address)
    if not link:
        raise Unusual("a link to nowhere")
    if "&" in link:  # programs that escape twice leave &amp; in addresses
        return _BARE_ENTITY.sub(r"&\1", link.replace("&amp;", "&"))
    return link


def resolved(base: str, address: str) -> str:
    """An address relative to `base`, made absolute; empty when it is none."""
    if not address or _ABSOLUTE.fullmatch(address):
        return address
    return joined(base, address)
