"""Posts in descriptions after https://schema.org, wherever in them they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urldefrag

from libs.common.events import Engagement, Kind, Rating
from services.ingest.post import PostAuthor
from services.ingest.reading.dates import parse_date
from services.ingest.reading.feed_formats.entry import joined, language_tag
from services.ingest.reading.page_formats.embedded import Json, Node
from services.ingest.reading.page_formats.item import (
    LONGEST_ADDRESS,
    LONGEST_NAME,
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_ITEMS,
    Draft,
    Item,
)
from services.ingest.reading.stars import on_scale
from services.ingest.reading.visible_text import visible_text

_DEEPEST: Final = 60
_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")  # JSON can write them, UTF-8 cannot
_VOCABULARY: Final = re.compile("[/#:]")
_KINDS: Final[Mapping[str, Kind]] = {
    "DiscussionForumPosting": "post",
    "SocialMediaPosting": "post",
    "BlogPosting": "article",
    "LiveBlogPosting": "article",
    "Report": "article",
    "ClaimReview": "article",
    "Recommendation": "review",
    "Comment": "comment",
    "Question": "question",
    "Answer": "answer",
}
_THINGS_OF_THE_PAGE: Final[frozenset[Kind]] = frozenset(("article", "post", "question"))
"""A page may be about one of these, which then has the page's own address."""
_ANSWERING: Final[frozenset[Kind]] = frozenset(("comment", "reply", "answer"))
_NOT_POSTS: Final = frozenset(("FAQPage", "AggregateRating", "EmployerAggregateRating"))
"""A list of frequent questions is the company's own text."""
_ASIDE: Final = frozenset(
    """author creator publisher citation mentions isBasedOn isPartOf parentItem potentialAction
    mainEntityOfPage itemReviewed isRelatedTo isSimilarTo""".split()  # noqa: SIM905 -- readable
)
"""Properties that lead to other things, not to more posts of this page."""
_COUNTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("LikeAction", "AgreeAction", "VoteAction", "EndorseAction"), "likes"),
    **dict.fromkeys(("CommentAction", "ReplyAction", "WriteAction"), "replies"),
    **dict.fromkeys(("ViewAction", "WatchAction", "ReadAction"), "views"),
    "ShareAction": "reposts",
}


def posts_in(nodes: Sequence[Node], url: str, lang: str | None) -> list[Draft]:
    """The posts that these things are or hold, each once.

    url: of the page. lang: its language, for what states none of its own.
    """
    finder = _Finder(url, lang)
    for node in nodes:
        finder.learn_names(node, _DEEPEST)
    for node in nodes:
        finder.look_at(node, _Above())
    return finder.found


@dataclass(frozen=True, slots=True)
class _Above:
    """What a thing stands in: the post, and the place that is described."""

    post: Draft | None = None
    place: str | None = None
    depth: int = 0


@dataclass(slots=True)
class _Finder:
    url: str
    lang: str | None
    found: list[Draft] = field(default_factory=list)
    _named: dict[str, Node] = field(default_factory=dict)
    _seen: set[tuple[object, ...]] = field(default_factory=set)

    def learn_names(self, value: Json, depth: int) -> None:
        """Things may be described once and only be named elsewhere."""
        if depth <= 0:
            return
        for node in _nodes(value):
            name = node.get("@id")
            if isinstance(name, str) and len(node) > 1:
                self._named.setdefault(name, node)
            for child in node.values():
                self.learn_names(child, depth - 1)

    def look_at(self, value: Json, above: _Above) -> None:
        if above.depth > _DEEPEST:
            return
        for node in _nodes(value):
            types = _types(node)
            if types & _NOT_POSTS:
                continue
            inside = replace(above, depth=above.depth + 1)
            if (kind := _kind(types, above)) is not None:
                inside = replace(inside, post=self._keep(node, kind, above))
            elif place := _place(node):
                inside = replace(inside, place=place)
            for name, child in node.items():
                if name not in _ASIDE:
                    self.look_at(child, inside)

    def _keep(self, node: Node, kind: Kind, above: _Above) -> Draft | None:
        """The post, unless there is nothing in it or it was described before."""
        item = self._item(node, kind, above)
        author = item.author and (item.author.id or item.author.name)
        content = (kind, item.title, item.text, author, item.published, item.rating)
        is_empty = not item.text and item.rating is None
        if is_empty or content in self._seen or len(self.found) >= MOST_ITEMS:
            return above.post
        self._seen.add(content)
        parent = above.post if kind in _ANSWERING else None
        draft = Draft(item, self._own_name(node, kind), parent)
        self.found.append(draft)
        return draft

    def _item(self, node: Node, kind: Kind, above: _Above) -> Item:
        title = " ".join(_visible(node, "headline", "name").split())[:LONGEST_TITLE]
        text = _visible(node, "reviewBody", "articleBody", "text", "description")[:LONGEST_TEXT]
        published = parse_date(_text(node, "datePublished", "dateCreated"))
        edited = parse_date(_text(node, "dateModified"))
        return Item(
            name="",
            kind=kind,
            link=self._address(_text(node, "url")),
            title=title or None,
            text=text or title,
            author=self._author(node),
            published=published,
            edited=edited if published and edited and edited > published else None,
            lang=language_tag(_text(node, "inLanguage")) or self.lang,
            rating=_rating(node) if kind in ("review", "article") else None,
            engagement=_engagement(node),
            place=self._place_of_review(node) or above.place if kind == "review" else None,
        )

    def _own_name(self, node: Node, kind: Kind) -> str:
        """What the page names a post by. Numbers of blank nodes are given anew each time, and the
        page's own address says nothing of one of many."""
        page = urldefrag(self.url)[0]
        for name in (_text(node, "@id"), _text(node, "url"), _text(node, "identifier")):
            if not name or name.startswith("_:"):
                continue
            address = joined(self.url, name) if name is not _text(node, "identifier") else name
            if address and (address != page or kind in _THINGS_OF_THE_PAGE):
                return address[:LONGEST_ADDRESS]
        return ""

    def _author(self, node: Node) -> PostAuthor | None:
        value = node.get("author") or node.get("creator")
        if isinstance(value, str):
            name, url = value, ""
        else:
            person = next((self._described(each) for each in _nodes(value)), {})
            name, url = _text(person, "name", "alternateName"), _text(person, "url", "@id")
        name = visible_text(name)[:LONGEST_NAME]
        address = self._address(url) if url and not url.startswith("_:") else None
        return PostAuthor(id=address, name=name, url=address) if name else None

    def _place_of_review(self, node: Node) -> str | None:
        things = (self._described(each) for each in _nodes(node.get("itemReviewed")))
        return next((place for thing in things if (place := _place(thing))), None)

    def _described(self, node: Node) -> Node:
        """The thing, where only its name stands."""
        name = node.get("@id")
        if len(node) > 2 or not isinstance(name, str):
            return node
        return self._named.get(name, node)

    def _address(self, address: str) -> str | None:
        found = joined(self.url, address) if address else ""
        is_web = found.startswith(("http://", "https://")) and len(found) <= LONGEST_ADDRESS
        return found if is_web else None


def _nodes(value: Json) -> Iterator[Node]:
    """The things in a value: it may be one, a list of them, or none."""
    for each in value if isinstance(value, list) else (value,):
        if isinstance(each, dict):
            yield each


def _types(node: Node) -> frozenset[str]:
    """The names of its types, without the vocabulary's address."""
    types = node.get("@type")
    names = types if isinstance(types, list) else [types]
    return frozenset(_word(name) for name in names if isinstance(name, str))


def _word(name: str) -> str:
    """`Review` of `https://schema.org/Review`."""
    return _VOCABULARY.split(name)[-1]


def _kind(types: frozenset[str], above: _Above) -> Kind | None:
    for name in sorted(types):
        kind = _KINDS.get(name)
        if kind is None and name.endswith("Review"):
            kind = "review"
        if kind is None and name.endswith("Article"):
            kind = "article"
        if kind == "comment" and above.post is not None and _is_discussion(above.post):
            return "reply"
        if kind is not None:
            return kind
    return None


def _is_discussion(post: Draft) -> bool:
    return post.item.kind in ("post", "reply")


def _text(node: Node, *names: str) -> str:
    """The first of these properties that has a text; of several texts the first."""
    return next((text for name in names if (text := _plain(node.get(name)))), "")


def _plain(value: Json) -> str:
    match value:
        case str():
            return _NOT_TEXT.sub("\ufffd", value).strip()
        case bool():
            return ""
        case int() | float():
            return repr(value)[:40]
        case list():
            return next((text for each in value[:5] if (text := _plain(each))), "")
        case dict():
            return _plain(value.get("@value") or value.get("alternateName"))
    return ""


def _visible(node: Node, *names: str) -> str:
    return visible_text(_text(node, *names))


def _rating(node: Node) -> Rating | None:
    """Of several marks, each for an aspect, the one for the whole, else the first."""
    given = list(_nodes(node.get("reviewRating")))
    whole = [each for each in given if not each.get("reviewAspect")]
    for each in whole or given:
        value = _text(each, "ratingValue")
        return on_scale(value, _text(each, "bestRating"), _text(each, "worstRating"))
    return on_scale(_text(node, "reviewRating", "ratingValue"), "", "")


def _engagement(node: Node) -> Engagement | None:
    counts = {
        "likes": _count(_text(node, "upvoteCount")),
        "replies": _count(_text(node, "commentCount", "answerCount")),
    }
    for each in _nodes(node.get("interactionStatistic")):
        action = each.get("interactionType")
        name = next((_types(of) for of in _nodes(action)), frozenset((_plain(action),)))
        for counted in {_COUNTED.get(_word(one)) for one in name} - {None}:
            counts[counted or ""] = _count(_text(each, "userInteractionCount"))
    known = {name: count for name, count in counts.items() if count is not None}
    return Engagement(**known) if known else None


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,12}", text) else None


def _place(node: Node) -> str | None:
    """Town and country of what has an address."""
    address = node.get("address")
    for each in _nodes(address):
        country = each.get("addressCountry")
        named = next((_text(of, "name") for of in _nodes(country)), _plain(country))
        parts = (_text(each, "addressLocality"), named)
        return ", ".join(part for part in parts if part)[:LONGEST_NAME] or None
    return visible_text(_plain(address))[:LONGEST_NAME] or None
