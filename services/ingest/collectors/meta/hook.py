"""Takes what Meta delivers for one's own pages and accounts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr

from services.ingest.collector import SourceConfig, Tools
from services.ingest.collectors.meta.graph import Graph, judge
from services.ingest.collectors.meta.payload import Body, Lookup, found_in
from services.ingest.failure import CollectionFailed
from services.ingest.hook import (
    Answer,
    Call,
    Change,
    Delivery,
    Denied,
    SigningSecret,
    Skipped,
    decoded,
    same,
    signature,
)
from services.ingest.reading.address import BaseAddress, host_of
from services.ingest.reading.platform_api import PlatformApi

_FETCHED_AT_ONCE: Final = 8


class Config(SourceConfig):
    """What is said on one's own Facebook pages and Instagram accounts, delivered by Meta."""

    kind: Literal["meta"] = "meta"
    app_secret: SigningSecret
    """Of the app at Meta; deliveries are signed with it."""
    verify_token: Annotated[SecretStr, Field(min_length=8)]
    """A word of one's own, entered at Meta too; Meta shows it when the address is set up."""
    access_token: SecretStr | None = None
    """For mentions of which only the id is delivered; without it they are left out."""
    own_posts: bool = False
    """Whether what the page or account itself writes is collected too."""
    graph_api: BaseAddress = "https://graph.facebook.com/v23.0"

    @property
    def address(self) -> str:
        return f"/v1/hooks/{self.id}"

    @property
    def host(self) -> str:
        return host_of(self.graph_api)

    def build(self, tools: Tools) -> MetaHook:
        token = self.access_token.get_secret_value() if self.access_token else None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        api = PlatformApi(
            tools.client_for(self), tools.clock, tools.limits, headers=headers, judge=judge
        )
        return MetaHook(self, Graph(api, self.graph_api, self._proof(token)) if token else None)

    def _proof(self, token: str | None) -> str:
        """`appsecret_proof`, which an app may demand beside the token."""
        return signature(self.app_secret.get_secret_value(), (token or "").encode()).hex()


class MetaHook:
    """Takes what Meta delivers; looks up what came as an id only."""

    def __init__(self, config: Config, graph: Graph | None) -> None:
        self._secret = config.app_secret.get_secret_value()
        self._token = config.verify_token.get_secret_value()
        self._own_posts = config.own_posts
        self._graph = graph

    async def handshake(self, call: Call) -> Answer:
        if call.query.get("hub.mode") != "subscribe" or not same(
            self._token, call.query.get("hub.verify_token", "")
        ):
            raise Denied("token", "the verify token is not the one that is configured")
        return Answer(body=call.query.get("hub.challenge", "").encode())

    async def receive(self, call: Call) -> Delivery:
        expected = "sha256=" + signature(self._secret, call.body).hex()
        if not same(expected, call.headers.get("x-hub-signature-256", "")):
            raise Denied("signature", "X-Hub-Signature-256 is not that of the body", 401)
        body = decoded(call.body, Body)
        found = found_in(body, call.at, own_posts=self._own_posts)
        looked_up = await self._look_up([each for each in found if isinstance(each, Lookup)])
        everything = (*found, *looked_up)
        failures = [each for each in everything if isinstance(each, CollectionFailed)]
        return Delivery(
            changes=tuple(each for each in everything if isinstance(each, Change)),
            failure=failures[0] if failures else None,
            skipped=tuple(each for each in everything if isinstance(each, str)),
        )

    async def _look_up(
        self, lookups: Sequence[Lookup]
    ) -> Sequence[Change | CollectionFailed | Skipped]:
        graph = self._graph
        if graph is None:
            return ["no access token"] * len(lookups)
        turns = asyncio.Semaphore(_FETCHED_AT_ONCE)

        async def one(lookup: Lookup) -> Change | CollectionFailed | Skipped:
            async with turns:
                return await graph.look_up(lookup)

        return await asyncio.gather(*map(one, lookups))
