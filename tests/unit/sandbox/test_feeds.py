"""The feeds are valid, and speak HTTP as good feeds do."""

from __future__ import annotations

from calendar import timegm
from datetime import timedelta

import feedparser
import httpx
import pytest

from sandbox.server import create_sandbox
from sandbox.story import load_story
from tests.unit.sandbox.playing import ADDRESS, START, Hand, a_post, a_sandbox, visiting

XML_FEEDS = ["/forum/feed.atom", "/news/feed.rss", "/reviews/feed.rss"]
ALL_FEEDS = [*XML_FEEDS, "/reviews/feed.json"]
VERSIONS = dict(zip(XML_FEEDS, ["atom10", "rss20", "rss20"], strict=True))


def parsed(answer: httpx.Response) -> feedparser.FeedParserDict:
    return feedparser.parse(answer.content, response_headers=dict(answer.headers))


@pytest.mark.parametrize("path", XML_FEEDS)
async def test_feedparser_finds_nothing_wrong_anywhere_in_the_story(path: str) -> None:
    clock = Hand()
    sandbox = create_sandbox(load_story("demo"), clock=clock)
    async with visiting(sandbox) as client:
        for _ in range(5):
            feed = parsed(await client.get(path))
            assert not feed.bozo
            assert feed.version == VERSIONS[path]
            assert 0 < len(feed.entries) <= 30
            for entry in feed.entries:
                assert entry.id.startswith("tag:")
                assert entry.link.startswith(ADDRESS)
                assert timegm(entry.published_parsed) <= clock.now.timestamp()
            clock.forward(60)


async def test_an_entry_says_the_same_in_every_format() -> None:
    clock = Hand()
    post = a_post(
        feed="reviews", about="Rivo 125", title="<Gut> & günstig", text="5 < 6 & „schön“ 😀\x08.",
        author="Zoë & Co", lang="en", rating=4,
    )  # fmt: skip
    async with visiting(a_sandbox(post, clock=clock)) as client:
        rss = parsed(await client.get("/reviews/feed.rss")).entries[0]
        item = (await client.get("/reviews/feed.json")).json()["items"][0]
    assert item == {
        "id": rss.id,
        "url": rss.link,
        "title": "Rivo 125: <Gut> & günstig",
        "content_text": "5 < 6 & „schön“ 😀\x08.",
        "date_published": "2026-05-04T09:30:00.000Z",
        "authors": [{"name": "Zoë & Co"}],
        "language": "en",
        "_review": {"rating": 4.0, "best": 5, "about": "Rivo 125"},
    }
    assert rss.title == "Rivo 125: <Gut> & günstig"
    assert rss.content[0].value == "<p>5 &lt; 6 &amp; „schön“ 😀\ufffd.</p>"
    assert (rss.author, rss.media_starrating["average"]) == ("Zoë & Co", "4")
    assert timegm(rss.published_parsed) == START.timestamp()


async def test_a_reply_names_what_it_answers() -> None:
    posts = [a_post(thread="t", title="Wer hilft?"), a_post(thread="t", text="Ich.", at=1)]
    clock = Hand()
    async with visiting(a_sandbox(*posts, clock=clock)) as client:
        clock.forward(1)
        reply, opener = parsed(await client.get("/forum/feed.atom")).entries
    assert reply["thr_in-reply-to"]["ref"] == opener.id
    assert reply.title == "Re: Wer hilft?"


async def test_only_the_newest_thirty_entries_are_in_the_feed_newest_first() -> None:
    clock = Hand()
    posts = [a_post(text=f"Beitrag {number}", at=number) for number in range(40)]
    async with visiting(a_sandbox(*posts, clock=clock)) as client:
        clock.forward(40)
        entries = parsed(await client.get("/forum/feed.atom")).entries
    assert [entry.content[0].value for entry in entries] == [
        f"<p>Beitrag {number}</p>" for number in range(39, 9, -1)
    ]


@pytest.mark.parametrize("path", ALL_FEEDS)
async def test_an_unchanged_feed_is_not_sent_again(path: str) -> None:
    clock = Hand()
    sandbox = create_sandbox(load_story("demo"), clock=clock)
    clock.forward(45.5)
    async with visiting(sandbox) as client:
        first = await client.get(path)
        etag, modified = first.headers["etag"], first.headers["last-modified"]
        for condition in (
            {"If-None-Match": etag},
            {"If-None-Match": f'"other", W/{etag}'},
            {"If-None-Match": "*"},
            {"If-Modified-Since": modified},
        ):
            again = await client.get(path, headers=condition)
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag


async def test_the_etag_counts_more_than_the_date() -> None:
    clock = Hand()
    async with visiting(a_sandbox(a_post(), clock=clock)) as client:
        clock.forward(10)
        modified = (await client.get("/forum/feed.atom")).headers["last-modified"]
        answer = await client.get(
            "/forum/feed.atom",
            headers={"If-None-Match": '"older"', "If-Modified-Since": modified},
        )
    assert answer.status_code == 200


async def test_a_new_post_changes_the_validators() -> None:
    clock = Hand()
    sandbox = a_sandbox(a_post(), clock=clock)
    async with visiting(sandbox) as client:
        clock.forward(10)
        before = await client.get("/forum/feed.atom")
        sandbox.timeline.add(a_post(text="Es brennt!"))
        clock.forward(5)
        after = await client.get(
            "/forum/feed.atom", headers={"If-None-Match": before.headers["etag"]}
        )
    assert after.status_code == 200
    assert "Es brennt!" in after.text
    assert after.headers["last-modified"] == "Mon, 04 May 2026 09:30:10 GMT"


async def test_no_date_is_given_in_the_second_of_a_change() -> None:
    clock = Hand()
    sandbox = a_sandbox(a_post(), clock=clock)
    async with visiting(sandbox) as client:
        clock.forward(0.4)
        assert "last-modified" not in (await client.get("/forum/feed.atom")).headers
        clock.forward(0.6)
        assert "last-modified" in (await client.get("/forum/feed.atom")).headers


@pytest.mark.parametrize("date", ["gestern", "Mon, 99 May 2026 09:30:00 GMT", ""])
async def test_a_date_that_is_none_is_ignored(date: str) -> None:
    clock = Hand()
    async with visiting(a_sandbox(a_post(), clock=clock)) as client:
        clock.forward(timedelta(minutes=1).total_seconds())
        answer = await client.get("/forum/feed.atom", headers={"If-Modified-Since": date})
    assert answer.status_code == 200


async def test_an_empty_story_gives_empty_but_valid_feeds() -> None:
    async with visiting(a_sandbox()) as client:
        for path in XML_FEEDS:
            feed = parsed(await client.get(path))
            assert (feed.bozo, feed.version, feed.entries) == (False, VERSIONS[path], [])
        assert (await client.get("/reviews/feed.json")).json()["items"] == []


async def test_a_link_leads_to_the_thread_with_the_entry_marked() -> None:
    posts = [a_post(thread="t", title="Öl?"), a_post(thread="t", text="<b>10W-40</b>", at=1)]
    clock = Hand()
    async with visiting(a_sandbox(*posts, clock=clock)) as client:
        clock.forward(1)
        link = parsed(await client.get("/forum/feed.atom")).entries[0].link
        page = await client.get(link)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "&lt;b&gt;10W-40&lt;/b&gt;" in page.text
    assert page.text.count("class=here") == 1
    assert page.text.count("<article") == 2


async def test_a_deleted_entrys_page_is_gone_and_an_unknown_one_was_never_there() -> None:
    sandbox = a_sandbox(a_post())
    entry = sandbox.timeline.shown("forum")[0]
    sandbox.timeline.remove(entry.id)
    async with visiting(sandbox) as client:
        assert (await client.get(f"/forum/t/{entry.thread}/{entry.id}")).status_code == 410
        assert (await client.get("/forum/t/x/y")).status_code == 404


async def test_a_front_page_names_its_feeds() -> None:
    async with visiting(a_sandbox(a_post(title="Öl?"))) as client:
        page = (await client.get("/reviews/")).text
    assert '<link rel="alternate" type="application/feed+json" href="/reviews/feed.json">' in page
    assert '<link rel="alternate" type="application/rss+xml" href="/reviews/feed.rss">' in page
