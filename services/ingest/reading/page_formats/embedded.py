"""The descriptions a page carries for machines, as JSON-LD and as microdata: read by extruct.

It is heavy and its input hostile: only the confined process imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, TypeAlias

from extruct.jsonld import JsonLdExtractor
from extruct.w3cmicrodata import MicrodataExtractor
from lxml import html

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Node: TypeAlias = dict[str, Json]
"""A thing, in the words of JSON-LD: `@type`, `@id`, and its properties."""

_JSON_LD: Final = "application/ld+json"
_DEEPEST: Final = 60
"""Descriptions are nested so deep at most; what is deeper is left out."""


def from_json_ld(page: html.HtmlElement) -> list[Node]:
    """The things that JSON-LD describes. A block that cannot be read does not cost the others."""
    found: list[Node] = []
    for script in page.iter("script"):
        if not (script.get("type") or "").lower().strip().startswith(_JSON_LD):
            continue
        script.set("type", _JSON_LD)
        with suppress(ValueError, RecursionError):
            found += [each for each in JsonLdExtractor().extract_items(script) if _is_thing(each)]
    return found


def from_microdata(page: html.HtmlElement, url: str) -> list[Node]:
    """The things that microdata describes."""
    for time in page.iter("time"):
        if not time.get("datetime"):  # the standard says that the text counts then
            time.set("datetime", "".join(time.itertext()).strip())
    try:
        items: list[dict[str, Any]] = MicrodataExtractor().extract_items(page, url)
    except (ValueError, RecursionError):
        return []
    return [_thing(item, _DEEPEST) for item in items]


def _is_thing(found: object) -> bool:
    return isinstance(found, dict)


def _thing(item: Mapping[str, Any], depth: int) -> Node:
    properties = item.get("properties", {})
    return {
        "@type": item.get("type", ""),
        "@id": item.get("id", ""),
        **{name: _value(value, depth) for name, value in properties.items()},
    }


def _value(value: Any, depth: int) -> Json:
    if depth <= 0:
        return None
    if isinstance(value, list):
        return [_value(each, depth - 1) for each in value]
    if isinstance(value, dict):
        return _thing(value, depth - 1)
    return value if isinstance(value, str) else None
