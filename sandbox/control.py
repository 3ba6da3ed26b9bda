"""The sandbox's own addresses under `/_sandbox/`: what tests and demonstrations steer it with.

POST   /_sandbox/posts         add a post                          GET lists what is shown
PUT    /_sandbox/posts/{id}    its author changes the text
DELETE /_sandbox/posts/{id}    its author deletes it
POST   /_sandbox/faults        a route goes wrong                  GET lists, DELETE clears
GET    /_sandbox/requests      what was asked of the platforms     DELETE clears
POST   /_sandbox/hook          receives pages                      GET lists, DELETE clears
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, HTTPException, Request
from pydantic import AwareDatetime, Field
from starlette.responses import Response

from libs.common.settings import Strict
from sandbox.faults import Fault, Faults
from sandbox.hook import Hook
from sandbox.platforms.site import SITES, address, identity
from sandbox.requests import Requests
from sandbox.story import BEST_RATING, Feed, Post
from sandbox.timeline import FEEDS, Entry, Timeline, Unknown


class NewPost(Strict):
    """A post to be shown from now on; see `sandbox/story/__init__.py` for the fields."""

    feed: Feed
    text: Annotated[str, Field(min_length=1)]
    title: str | None = None
    author: str = "anonym"
    lang: Literal["de", "en"] = "de"
    thread: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_.-]+$")] = None
    about: str | None = None
    rating: Annotated[float | None, Field(ge=0, le=BEST_RATING)] = None
    published_at: AwareDatetime | None = None


class NewText(Strict):
    text: Annotated[str, Field(min_length=1)]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as the control addresses describe it. native_id: its id in the feed."""

    id: str
    native_id: str
    url: str
    feed: Feed
    title: str
    text: str
    author: str
    published_at: datetime


def router(timeline: Timeline, faults: Faults, requests: Requests, hook: Hook) -> APIRouter:
    control = APIRouter(prefix="/_sandbox")
    _steer_posts(control, timeline)
    _steer_faults(control, faults)
    _show_requests(control, requests)
    _receive_pages(control, hook)
    return control


def _steer_posts(control: APIRouter, timeline: Timeline) -> None:
    @control.post("/posts", status_code=201)
    async def add(new: NewPost, request: Request) -> Response:
        post = msgspec.convert(new.model_dump(exclude={"published_at"}), Post)
        return _json(_shown(timeline.add(post, new.published_at), request), 201)

    @control.get("/posts")
    async def shown(request: Request) -> Response:
        entries = [entry for feed in FEEDS for entry in timeline.shown(feed)]
        return _json([_shown(entry, request) for entry in entries])

    @control.put("/posts/{entry_id}")
    async def edit(entry_id: str, new: NewText, request: Request) -> Response:
        try:
            return _json(_shown(timeline.edit(entry_id, new.text), request))
        except Unknown as error:
            raise HTTPException(404, f"no post {entry_id!r} is shown") from error

    @control.delete("/posts/{entry_id}", status_code=204)
    async def remove(entry_id: str) -> None:
        try:
            timeline.remove(entry_id)
        except Unknown as error:
            raise HTTPException(404, f"no post {entry_id!r} is shown") from error


def _steer_faults(control: APIRouter, faults: Faults) -> None:
    @control.post("/faults", status_code=201)
    async def add(fault: Fault) -> Fault:
        faults.add(fault)
        return fault

    @control.get("/faults")
    async def active() -> list[Fault]:
        return list(faults.active)

    @control.delete("/faults", status_code=204)
    async def clear() -> None:
        faults.clear()


def _show_requests(control: APIRouter, requests: Requests) -> None:
    @control.get("/requests")
    async def asked(route: str = "*") -> Response:
        return _json(requests.of(route))

    @control.delete("/requests", status_code=204)
    async def clear() -> None:
        requests.clear()


def _receive_pages(control: APIRouter, hook: Hook) -> None:
    @control.post("/hook")
    async def receive(request: Request) -> Response:
        delivery = hook.receive(request.headers, await request.body())
        return Response(status_code=401 if delivery.signature == "invalid" else 204)

    @control.get("/hook")
    async def deliveries() -> Response:
        return _json(hook.deliveries)

    @control.delete("/hook", status_code=204)
    async def clear() -> None:
        hook.clear()


def _shown(entry: Entry, request: Request) -> Shown:
    return Shown(
        id=entry.id,
        native_id=identity(SITES[entry.post.feed], entry.id),
        url=str(request.base_url).rstrip("/") + address(entry),
        feed=entry.post.feed,
        title=entry.title,
        text=entry.post.text,
        author=entry.post.author,
        published_at=entry.published_at,
    )


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")
