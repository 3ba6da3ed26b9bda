"""A review site without an API: pages that describe their reviews for search engines.

The first page is JSON-LD with one broken block among the good ones; the second is microdata; they
go on in turn. Marks are written with a comma, types are a list, things stand in a graph. Answers
carry validators, and robots.txt forbids a corner of the site.
"""

from __future__ import annotations

import html
import json
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.platforms.board import Board, Written
from sandbox.platforms.feeds import conditional

PATH: Final = "/bewertungen"
FORBIDDEN: Final = "/konto"


def routes(board: Board) -> list[BaseRoute]:
    async def reviews(request: Request) -> Response:
        if (wait := board.wait) is not None:
            headers = {"Retry-After": str(round(wait.total_seconds()))}
            return HTMLResponse("<html><body>Bitte langsamer</body></html>", 429, headers)
        page = int(request.query_params.get("seite", "1"))
        posts = board.shown()
        shown = posts[(page - 1) * board.page_size : page * board.page_size]
        more = len(posts) > page * board.page_size
        content = _as_json_ld(shown) if page % 2 else _as_microdata(shown)
        link = f'<a class="weiter" href="?seite={page + 1}">Weiter</a>' if more else ""
        body = (
            f'<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>Alle</title></head>'
            f"<body>{content}{link}</body></html>"
        )
        changed = max((each.edited_at or each.written_at for each in posts), default=board.clock())
        kind = "text/html; charset=utf-8"
        return conditional(request, body.encode(), kind, changed, board.clock())

    async def robots(_request: Request) -> Response:
        return PlainTextResponse(f"User-agent: *\nDisallow: {FORBIDDEN}\n")

    return [Route(PATH, reviews), Route("/robots.txt", robots)]


def _id(post: Written) -> str:
    return f"{PATH}/{post.number}"


def _as_json_ld(posts: list[Written]) -> str:
    graph = {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "WebSite", "name": "Alle Bewertungen"},
            {
                "@type": ["LocalBusiness", "Store"],
                "name": "Motorrad AG",
                "address": {"addressLocality": "Bonn", "addressCountry": "DE"},
                "aggregateRating": {"@type": "AggregateRating", "ratingValue": "3,9"},
                "review": [_review(post) for post in posts],
            },
        ],
    }
    script = json.dumps(graph, ensure_ascii=False).replace("</", "<\\/")
    return (
        '<script type="application/ld+json">{"@type": "Review", "reviewBody": "kaputt</script>'
        f'<script type="application/ld+json">{script}</script>'
    )


def _review(post: Written) -> dict[str, object]:
    review: dict[str, object] = {
        "@type": "Review",
        "@id": _id(post),
        "reviewBody": post.text,
        "datePublished": post.written_at.isoformat(),
        "reviewRating": {"@type": "Rating", "ratingValue": f"{post.rating or 1},0"},
    }
    if post.title is not None:
        review["name"] = post.title
    if post.author is not None:
        review["author"] = {"@type": "Person", "name": post.author, "url": f"/profil/{post.author}"}
    if post.lang is not None:
        review["inLanguage"] = post.lang
    return review


def _as_microdata(posts: list[Written]) -> str:
    reviews = "".join(_marked_up(post) for post in posts)
    return (
        '<div itemscope itemtype="https://schema.org/LocalBusiness">'
        '<span itemprop="name">Motorrad AG</span>'
        '<div itemprop="address" itemscope itemtype="https://schema.org/PostalAddress">'
        '<span itemprop="addressLocality">Bonn</span>, <span itemprop="addressCountry">DE</span>'
        f"</div>{reviews}</div>"
    )


def _marked_up(post: Written) -> str:
    author = (
        '<div itemprop="author" itemscope itemtype="https://schema.org/Person">'
        f'<a itemprop="url" href="/profil/{post.author}"><span itemprop="name">{post.author}</span>'
        "</a></div>"
        if post.author
        else ""
    )
    title = f'<h3 itemprop="name">{html.escape(post.title)}</h3>' if post.title else ""
    return (
        f'<article itemprop="review" itemscope itemtype="https://schema.org/Review"'
        f' itemid="{_id(post)}">{title}{author}'
        f'<time itemprop="datePublished" datetime="{post.written_at.isoformat()}">neulich</time>'
        '<div itemprop="reviewRating" itemscope itemtype="https://schema.org/Rating">'
        f'<span itemprop="ratingValue">{post.rating or 1},0</span></div>'
        f'<div itemprop="reviewBody"><p>{html.escape(post.text)}</p></div></article>'
    )
