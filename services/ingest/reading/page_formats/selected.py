"""Posts where the configuration says they stand."""

from __future__ import annotations

import re
from typing import Final

from lxml import html

from services.ingest.post import PostAuthor
from services.ingest.reading.dates import parse_date
from services.ingest.reading.feed_formats.entry import joined
from services.ingest.reading.page_formats.item import (
    LONGEST_ADDRESS,
    LONGEST_NAME,
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_ITEMS,
    Draft,
    Item,
    Select,
)
from services.ingest.reading.stars import on_scale
from services.ingest.reading.visible_text import visible_text

_ATTRIBUTE: Final = re.compile(r"(.*?)\s*@([a-zA-Z][\w:.-]*)", re.DOTALL)
_STARS: Final = re.compile(r"([0-9]+(?:[.,][0-9]+)?)(?:\s*(?:/|von|of|out of|aus)\s*([0-9]+))?")


def parted(selector: str) -> tuple[str, str]:
    """The CSS of a selector, and the attribute it takes; either may be empty."""
    found = _ATTRIBUTE.fullmatch(selector.strip())
    return (found[1], found[2]) if found else (selector.strip(), "")


def posts_at(page: html.HtmlElement, select: Select, url: str, lang: str | None) -> list[Draft]:
    """The posts at these places; those without a text are none."""
    items = (_post(element, select, url, lang) for element in page.cssselect(select.item))
    return [draft for draft in items if draft.item.text][:MOST_ITEMS]


def address_at(page: html.HtmlElement, selector: str, url: str) -> str | None:
    """The web address that the first element there leads to."""
    address = joined(url, _value(page, selector, "href"))
    return address if address.startswith(("http://", "https://")) else None


def _post(element: html.HtmlElement, select: Select, url: str, lang: str | None) -> Draft:
    link = joined(url, _value(element, select.link, "href"))
    author = _value(element, select.author)[:LONGEST_NAME]
    own = _value(element, select.id)
    stars = _STARS.search(_value(element, select.rating, "content"))
    best = (stars and stars[2]) or repr(select.best)
    item = Item(
        name="",
        kind=select.kind,
        link=link[:LONGEST_ADDRESS] if link.startswith(("http://", "https://")) else None,
        title=" ".join(_value(element, select.title).split())[:LONGEST_TITLE] or None,
        text=_value(element, select.text)[:LONGEST_TEXT],
        author=PostAuthor(name=author) if author else None,
        published=parse_date(_value(element, select.date, "datetime", "content")),
        lang=lang,
        rating=on_scale(stars[1], best, "") if stars else None,
    )
    return Draft(item, (own or item.link or "")[:LONGEST_ADDRESS])


def _value(element: html.HtmlElement, selector: str, *attributes: str) -> str:
    """What stands there: the attribute that the selector names, else one of these that it has,
    else the visible text. Empty when there is no such place."""
    if not selector:
        return ""
    css, named = parted(selector)
    for found in element.cssselect(css)[:1] if css else [element]:
        for attribute in (named,) if named else attributes:
            if value := found.get(attribute):
                return visible_text(value)
        if not named:
            return visible_text(str(html.tostring(found, encoding="unicode", with_tail=False)))
    return ""


def base_of(page: html.HtmlElement, url: str) -> str:
    """What relative addresses on the page are relative to."""
    for base in page.iter("base"):
        if address := base.get("href"):
            return joined(url, address) or url
    return url
