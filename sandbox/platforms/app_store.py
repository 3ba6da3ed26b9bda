"""The App Store's public feed of customer reviews, as JSON, one set for each country.

An answer of the older kind begins with the app itself; the list of entries is one object when
there is one entry only, and missing when there is none.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written

APP: Final = "310633997"
MOST_PAGES: Final = 10
PER_PAGE: Final = 50
COUNTRIES: Final = ("de", "at")
"""Every post of the board is a review in one of these, in turn."""
_CUPERTINO: Final = timezone(timedelta(hours=-7))


def routes(board: Board) -> list[BaseRoute]:
    async def reviews(request: Request) -> Response:
        page = int(request.path_params["page"])
        country = request.path_params["country"]
        if not 1 <= page <= MOST_PAGES:
            return Response("CustomerReviews RSS page depth is limited to 10", 400)
        size = min(board.page_size, PER_PAGE)
        found = [post for post in board.shown() if country_of(post) == country]
        entries = [_entry(post, country) for post in found[(page - 1) * size : page * size]]
        return answer(entries, names_app=country == "de")

    return [
        Route(
            f"/{{country}}/rss/customerreviews/page={{page}}/id={APP}/sortby=mostrecent/json",
            reviews,
        )
    ]


def country_of(post: Written) -> str:
    return COUNTRIES[post.number % len(COUNTRIES)]


def answer(entries: list[dict[str, object]], *, names_app: bool) -> Response:
    """names_app: the first entry is the app, as in older answers."""
    feed: dict[str, object] = {"author": {"name": {"label": "iTunes Store"}}, "link": []}
    if names_app and entries:
        entries = [{"id": {"label": "app"}, "im:name": {"label": "Motorrad"}}, *entries]
    if len(entries) == 1:
        feed["entry"] = entries[0]
    elif entries:
        feed["entry"] = entries
    return Response(msgspec.json.encode({"feed": feed}), media_type="text/javascript")


def _entry(post: Written, country: str) -> dict[str, object]:
    changed = (post.edited_at or post.written_at).astimezone(_CUPERTINO)
    entry: dict[str, object] = {
        "id": {"label": str(9_000_000_000 + post.number)},
        "title": {"label": post.title or ""},
        "content": {"label": post.text, "attributes": {"type": "text"}},
        "im:rating": {"label": str(post.rating or 1)},
        "im:version": {"label": "5.2"},
        "im:voteSum": {"label": "0"},
        "im:voteCount": {"label": "0"},
        "updated": {"label": changed.isoformat()},
        "link": {
            "attributes": {
                "rel": "related",
                "href": f"https://itunes.apple.com/{country}/review?id={APP}&type=Purple",
            }
        },
    }
    if post.author is not None:
        uri = f"https://itunes.apple.com/{country}/reviews/{post.author}"
        entry["author"] = {"name": {"label": post.author}, "uri": {"label": uri}, "label": ""}
    return entry
