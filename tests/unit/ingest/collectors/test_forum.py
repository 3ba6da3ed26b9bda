"""How a forum's feed is found."""

from __future__ import annotations

from base64 import b64encode

import httpx
import pytest

from services.ingest.collector import Collector
from services.ingest.collectors.forum import Config
from services.ingest.failure import Blocked, Gone, Missing, NotAFeed, Unreachable
from services.ingest.post import Page
from tests.unit.ingest.building import item, rss, tools_over

FEED = rss(item(1))


def named(*feeds: str, base: str = "") -> str:
    links = "".join(
        f'<link rel="alternate" type="application/rss+xml" href="{feed}">' for feed in feeds
    )
    return f"<!DOCTYPE html><html><head>{base}{links}</head><body>Forum</body></html>"


class Forum:
    """A forum on a web server: what stands at each path, query included; a number is a status."""

    def __init__(self, **places: str | int) -> None:
        self.places: dict[str, str | int] = dict(places)
        self.asked: list[str] = []
        self.logins: set[str | None] = set()

    def at(self, path: str, content: str | int) -> Forum:
        self.places[path] = content
        return self

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        self.asked.append(path)
        self.logins.add(request.headers.get("authorization"))
        content = self.places.get(path, 404)
        if isinstance(content, int):
            return httpx.Response(content)
        return httpx.Response(200, stream=httpx.ByteStream(content.encode()))

    async def read(
        self,
        cursor: str | None = None,
        *,
        url: str = "https://kurve.example/brett/",
        **fields: object,
    ) -> Page:
        config = Config.model_validate({"id": "kurve", "url": url, **fields})
        collector = config.build(tools_over(self))
        assert isinstance(collector, Collector)
        return await collector.collect(cursor)


async def test_the_feed_that_the_page_names_is_read_and_remembered() -> None:
    forum = Forum().at("/brett/", named("feed.xml")).at("/brett/feed.xml", FEED)
    first = await forum.read()
    forum.at("/brett/feed.xml", rss(item(2), item(1)))
    second = await forum.read(first.cursor)
    assert [post.native_id for post in first.posts] == ["kurve/1"]
    assert [(post.native_id, post.platform) for post in second.posts] == [("kurve/2", "forum")]
    assert forum.asked == ["/brett/", "/brett/feed.xml", "/brett/feed.xml"]


async def test_of_several_named_feeds_the_first_that_is_one_counts() -> None:
    forum = Forum().at("/brett/", named("/alt.xml", "/neu.xml")).at("/neu.xml", FEED)
    assert len((await forum.read()).posts) == 1
    assert forum.asked == ["/brett/", "/alt.xml", "/neu.xml"]


async def test_a_base_element_moves_the_named_feed() -> None:
    page = named("feed.xml", base='<base href="https://kurve.example/sub/">')
    forum = Forum().at("/brett/", page).at("/sub/feed.xml", FEED)
    assert len((await forum.read()).posts) == 1


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://kurve.example/brett/index.php", "/brett/app.php/feed"),
        ("https://kurve.example/brett", "/brett/feed.php"),
        ("https://kurve.example", "/forums/-/index.rss"),
        ("https://kurve.example/", "/external.php?type=RSS2&lastpost=1"),
        ("https://kurve.example/", "/index.php?board-feed/"),
    ],
)
async def test_where_none_is_named_the_known_places_are_tried(url: str, place: str) -> None:
    start = url.removeprefix("https://kurve.example") or "/"
    forum = Forum().at(start, named()).at(place, FEED)
    assert len((await forum.read(url=url)).posts) == 1
    assert forum.asked[-1] == place


async def test_the_places_to_try_can_be_given() -> None:
    forum = Forum().at("/brett/", named()).at("/brett/neues", FEED)
    await forum.read(feed_paths=("neues",))
    assert forum.asked == ["/brett/", "/brett/neues"]


async def test_the_address_of_a_feed_does_as_well() -> None:
    forum = Forum().at("/brett/", FEED)
    assert len((await forum.read()).posts) == 1


async def test_when_the_feed_moves_it_is_found_again() -> None:
    forum = Forum().at("/brett/", named("alt.xml")).at("/brett/alt.xml", FEED)
    first = await forum.read()
    forum.at("/brett/alt.xml", 410).at("/brett/", named("neu.xml")).at("/brett/neu.xml", FEED)
    second = await forum.read(first.cursor)
    assert forum.asked[-3:] == ["/brett/alt.xml", "/brett/", "/brett/neu.xml"]
    assert second.cursor is not None
    assert "neu.xml" in second.cursor


async def test_when_the_feed_is_gone_and_no_other_is_there_that_is_told() -> None:
    forum = Forum().at("/brett/", named("alt.xml")).at("/brett/alt.xml", FEED)
    first = await forum.read()
    forum.at("/brett/alt.xml", 410)
    with pytest.raises(Gone):
        await forum.at("/brett/", named()).read(first.cursor)


@pytest.mark.parametrize(
    ("page", "failure"),
    [
        (named(), NotAFeed),
        ("<!DOCTYPE html><html><title>Just a moment...</title></html>", Blocked),
        (404, Missing),
        (502, Unreachable),
    ],
)
async def test_what_is_in_the_way_is_told(page: str | int, failure: type[Exception]) -> None:
    with pytest.raises(failure):
        await Forum().at("/brett/", page).read()


async def test_a_broken_feed_is_not_looked_for_elsewhere() -> None:
    forum = Forum().at("/brett/", named("a.xml", "b.xml")).at("/brett/a.xml", 502)
    with pytest.raises(Unreachable):
        await forum.read()
    assert forum.asked == ["/brett/", "/brett/a.xml"]


async def test_a_password_is_used_on_the_forum_only_and_kept_nowhere() -> None:
    forum = (
        Forum()
        .at("/brett/", named("https://kurve.example/a.xml", "https://woanders.example/b.xml"))
        .at("/a.xml", "nichts")
        .at("/b.xml", FEED)
    )
    url = "https://ann:geheim@kurve.example/brett/"
    page = await forum.read(url=url)
    login = "Basic " + b64encode(b"ann:geheim").decode()
    assert forum.logins == {login, None}
    assert forum.asked == ["/brett/", "/a.xml", "/b.xml"]
    here = await forum.at("/a.xml", FEED).read(url=url)
    assert "geheim" not in f"{page.cursor} {here.cursor}"
