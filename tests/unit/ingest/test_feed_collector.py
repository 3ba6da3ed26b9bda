from __future__ import annotations

from datetime import timedelta

import httpx
import msgspec
import pytest
from pydantic import ValidationError

from services.ingest.failure import Blocked, NotAFeed, Unreachable
from services.ingest.post import Page
from services.ingest.reading.feed_reading import Cursor, FeedCollector
from tests.unit.ingest.building import (
    NOW,
    SetClock,
    Unconfined,
    a_feed_config,
    item,
    rss,
    tools_over,
)


class Site:
    """One feed on a web server; counts its requests by path."""

    def __init__(self, body: str = "", **headers: str) -> None:
        self.body = body
        self.headers = headers
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.clock = SetClock()
        self.confined = Unconfined()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if target := self.moved.get(request.url.path):
            return httpx.Response(301, headers={"location": target})
        if self.body == "":
            return httpx.Response(500)
        return httpx.Response(
            200, stream=httpx.ByteStream(self.body.encode()), headers=self.headers
        )

    async def read(self, cursor: str | None = None, **config: object) -> Page:
        tools = tools_over(self, self.clock, self.confined)
        return await a_feed_config(**config).build(tools).collect(cursor)


async def test_the_first_reading_gives_everything_oldest_first() -> None:
    page = await Site(rss(item(2), item(1))).read()
    assert [post.native_id for post in page.posts] == ["presse/1", "presse/2"]
    assert page.health == "ok"


async def test_only_new_and_edited_entries_come_again() -> None:
    site = Site(rss(item(1), item(2)))
    first = await site.read()
    site.body = rss(item(3), item(2, text="Motorrad, berichtigt"), item(1))
    second = await site.read(first.cursor)
    assert [post.native_id for post in second.posts] == ["presse/2", "presse/3"]


async def test_an_unchanged_feed_is_not_parsed() -> None:
    site = Site("<!DOCTYPE rss>" + rss(item(1)))
    first = await site.read()
    again = await site.read(first.cursor)
    assert (again.posts, again.health, site.confined.jobs) == ((), "unchanged", 1)


async def test_a_feed_without_entries_is_empty_and_no_failure() -> None:
    assert (await Site(rss()).read()).health == "empty"


@pytest.mark.parametrize(
    ("body", "failure", "words"),
    [
        (" \n ", NotAFeed, "empty"),
        ("<html><body>Hallo</body></html>", NotAFeed, "HTML page"),
        ("<html>Checking your browser before</html>", Blocked, "a person"),
        ("<opml version='2.0'><body/></opml>", NotAFeed, "no RSS"),
        ("Dienst nicht verfügbar", NotAFeed, "no RSS"),
        ('{"error": "no"}', NotAFeed, "no RSS"),
    ],
)
async def test_what_is_no_feed_is_refused_with_a_reason(
    body: str, failure: type[Exception], words: str
) -> None:
    with pytest.raises(failure, match=words):
        await Site(body).read()


async def test_a_page_that_names_its_feed_helps_to_correct_the_address() -> None:
    page = "<html><link rel='alternate' type='application/rss+xml' href='/rss.xml'></html>"
    with pytest.raises(NotAFeed, match=r"its feed is https://news\.example/rss\.xml"):
        await Site(page).read()


async def test_entries_without_an_id_are_told_apart_by_link_or_content() -> None:
    feed = rss(
        "<item><title>A</title><link>https://a.example/1</link></item>",
        "<item><title>B</title><pubDate>2026-09-18</pubDate></item>",
        "<item><title>C</title><description>c</description></item>",
        "<item><title>C</title><description>d</description></item>",
        "<item/>",
    )
    first = [post.native_id for post in (await Site(feed).read()).posts]
    assert len(set(first)) == 4
    assert first[-1] == "presse/https://a.example/1"
    assert [post.native_id for post in (await Site(feed).read()).posts] == first


async def test_a_feed_that_gives_every_entry_the_same_id_loses_none() -> None:
    same = "<item><guid>https://news.example/</guid><title>{}</title></item>"
    page = await Site(rss(same.format("A"), same.format("B"))).read()
    assert {post.title for post in page.posts} == {"A", "B"}
    assert len({post.native_id for post in page.posts}) == 2


async def test_a_login_in_the_address_of_a_feed_is_in_no_post() -> None:
    entry = "<item><title>Motorrad</title><guid>1</guid><link>/1</link></item>"
    site = Site(rss(entry))
    url = "https://anna:geheim@news.example/feed.xml"
    (read,) = (await site.read(url=url)).posts
    tools = tools_over(site, site.clock, site.confined)
    feed = a_feed_config(url=url).build(tools)
    assert isinstance(feed, FeedCollector)
    (sent,) = await feed.delivered(rss(entry).encode(), "application/rss+xml")
    assert (read.url, sent.url) == ("https://news.example/1", "https://news.example/1")


async def test_the_same_guid_in_two_feeds_is_two_posts() -> None:
    site = Site(rss(item(1)))
    ids = [(await site.read(id=name)).posts[0].native_id for name in ("presse", "forum")]
    assert ids == ["presse/1", "forum/1"]


async def test_old_entries_of_a_first_reading_are_the_past_and_later_ones_news() -> None:
    site = Site(rss(item(1, date="2026-09-01"), item(2), item(3, date="nie")))
    first = await site.read()
    assert {post.native_id: post.backfill for post in first.posts} == {
        "presse/1": True,
        "presse/2": False,
        "presse/3": False,
    }
    site.body = rss(item(4, date="2026-09-01"))
    assert [post.backfill for post in (await site.read(first.cursor)).posts] == [False]


async def test_a_date_in_the_future_is_now_and_does_not_look_like_news_each_time() -> None:
    site = Site(rss(item(1, date="2027-01-01")))
    first = await site.read()
    assert first.posts[0].published_at == NOW
    site.clock.forward(minutes=5)
    site.body += "<!-- other bytes -->"
    assert (await site.read(first.cursor)).posts == ()


@pytest.mark.parametrize(
    ("platform", "kind"), [("news", "article"), ("forum", "post"), ("review", "review")]
)
async def test_the_platform_decides_the_kind(platform: str, kind: str) -> None:
    (post,) = (await Site(rss(item(1))).read(platform=platform)).posts
    assert (post.platform, post.kind) == (platform, kind)


async def test_the_feeds_wish_is_remembered_while_it_does_not_change() -> None:
    site = Site(rss("<ttl>30</ttl>", item(1)), **{"cache-control": "max-age=600"})
    first = await site.read()
    again = await site.read(first.cursor)
    assert (first.next_in, again.next_in) == (timedelta(minutes=30), timedelta(minutes=30))


async def test_a_permanent_redirect_is_believed_after_three_times() -> None:
    site = Site(rss(item(1)))
    site.moved["/feed.xml"] = "/new.xml"
    cursor = None
    for _ in range(5):
        cursor = (await site.read(cursor)).cursor
    assert site.asked == ["/feed.xml", "/new.xml"] * 3 + ["/new.xml"] * 2


async def test_when_the_new_place_fails_the_old_one_is_asked_again() -> None:
    site = Site(rss(item(1)))
    site.moved["/feed.xml"] = "/new.xml"
    cursor = None
    for _ in range(3):
        cursor = (await site.read(cursor)).cursor
    site.moved = {"/new.xml": "/new.xml"}
    site.asked.clear()
    page = await site.read(cursor)
    assert site.asked[-1] == "/feed.xml"
    assert msgspec.json.decode(page.cursor or "", type=Cursor).known.moved_to is None


async def test_a_cursor_of_another_address_or_of_no_use_is_forgotten() -> None:
    site = Site(rss(item(1)))
    cursor = (await site.read()).cursor
    for useless in (cursor, "", "garbage", "[]", '{"etag": 1}'):
        page = await site.read(useless, url="https://news.example/other.xml")
        assert len(page.posts) == 1


async def test_fields_a_later_version_adds_to_the_cursor_do_no_harm() -> None:
    site = Site(rss(item(1)))
    cursor = msgspec.json.decode((await site.read()).cursor or "")
    cursor["added_later"] = {"a": 1}
    assert (await site.read(msgspec.json.encode(cursor).decode())).health == "unchanged"


async def test_a_failure_says_what_the_server_answered() -> None:
    with pytest.raises(Unreachable, match="500"):
        await Site().read()


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "ftp://news.example/feed"},
        {"url": "news.example/feed"},
        {"every": "0s"},
        {"every": "often"},
        {"platform": "wall"},
        {"id": "Große Presse"},
        {"kind": "x"},
        {"urls": []},
    ],
)
def test_a_wrong_configuration_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        a_feed_config(**fields)


def test_secrets_in_the_address_are_not_shown() -> None:
    config = a_feed_config(url="https://ann:geheim@news.example:8443/feed?token=geheim#x")
    assert config.address == "https://news.example:8443/feed?…"
    assert "geheim" not in config.place + config.host
    assert config.host == "news.example:8443"
