"""Google's own dress on feeds: Alerts and News."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.ingest.collectors import google_alerts, google_news
from services.ingest.failure import Blocked, Rejected
from services.ingest.post import Post, PostAuthor
from tests.unit.ingest.building import SetClock
from tests.unit.ingest.collectors.answering import Scripted, tools_for

ALERT = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:idx="urn:atom-extension:indexing">
<id>tag:google.com,2005:reader/user/0123/state/com.google/alerts/456</id>
<title>Google Alert - Acme</title>
<link href="https://www.google.com/alerts/feeds/0123/456" rel="self"/>
<updated>2026-09-18T09:00:00Z</updated>
<entry><id>tag:google.com,2013:googlealerts/feed:789</id>
<title type="html">Rückruf bei &lt;b&gt;Acme&lt;/b&gt;</title>
<link href="https://www.google.com/url?rct=j&amp;sa=t&amp;url=https://zeitung.example/a%3Fx%3D1\
&amp;ct=ga&amp;cd=CAIyG&amp;usg=AOvVaw"/>
<published>2026-09-18T08:30:00Z</published><updated>2026-09-18T08:30:00Z</updated>
<content type="html">Die &lt;b&gt;Acme&lt;/b&gt; AG ruft&amp;nbsp;...</content>
<author><name></name></author></entry></feed>"""

NEWS = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<generator>NFE/5.0</generator><title>"Acme" - Google News</title><language>de</language>
<item><title>Acme ruft zurück - und zwar alles - Bonner Blatt</title>
<link>https://news.google.com/rss/articles/CBMiAU_yq?oc=5</link>
<guid isPermaLink="false">CBMiAU_yq</guid><pubDate>Fri, 18 Sep 2026 08:30:00 GMT</pubDate>
<description>{description}</description>
<source url="https://blatt.example">Bonner Blatt</source></item></channel></rss>"""
ALONE = (
    '&lt;a href="https://news.google.com/x"&gt;Acme ruft zurück - und zwar alles&lt;/a&gt;'
    '&amp;nbsp;&amp;nbsp;&lt;font color="#6f6f6f"&gt;Bonner Blatt&lt;/font&gt;'
)
TOGETHER = (
    f"&lt;ol&gt;&lt;li&gt;{ALONE}&lt;/li&gt;&lt;li&gt;Acme am Ende?&amp;nbsp;Kurier&lt;/li&gt;"
    "&lt;/ol&gt;"
)


def atom(text: str) -> httpx.Response:
    return httpx.Response(200, content=text.encode(), headers={"content-type": "application/xml"})


def news(description: str = ALONE) -> httpx.Response:
    return atom(NEWS.format(description=description))


def alerts(scripted: Scripted) -> google_alerts.GoogleAlerts:
    feed = "https://www.google.com/alerts/feeds/0123/456"
    config = google_alerts.Config.model_validate({"id": "alert", "feed": feed})
    assert "0123" not in f"{config.address} {config.place}"
    collector = config.build(tools_for(scripted, SetClock()))
    assert isinstance(collector, google_alerts.GoogleAlerts)
    return collector


def google_news_for(scripted: Scripted, *terms: str) -> google_news.GoogleNews:
    config = google_news.Config.model_validate({"id": "gn", "within": "1d"})
    collector = config.build(tools_for(scripted, SetClock(), *terms))
    assert isinstance(collector, google_news.GoogleNews)
    return collector


async def test_an_alerts_link_leads_to_what_was_found_and_its_title_is_text() -> None:
    page = await alerts(Scripted(atom(ALERT))).collect(None)
    assert page.posts == (
        Post(
            platform="google_alerts",
            native_id="https://zeitung.example/a?x=1",
            kind="article",
            url="https://zeitung.example/a?x=1",
            title="Rückruf bei Acme",
            text="Die Acme AG ruft ...",
            published_at=datetime(2026, 9, 18, 8, 30, tzinfo=UTC),
        ),
    )


async def test_a_headline_is_parted_from_its_paper() -> None:
    page = await google_news_for(Scripted(news()), "Acme").collect(None)
    assert page.posts == (
        Post(
            platform="google_news",
            native_id="gn/CBMiAU_yq",
            kind="article",
            url="https://news.google.com/rss/articles/CBMiAU_yq?oc=5",
            title="Acme ruft zurück - und zwar alles",
            text="Acme ruft zurück - und zwar alles",
            lang="de",
            author=PostAuthor(name="Bonner Blatt"),
            published_at=datetime(2026, 9, 18, 8, 30, tzinfo=UTC),
        ),
    )


async def test_headlines_of_other_papers_are_kept() -> None:
    page = await google_news_for(Scripted(news(TOGETHER)), "Acme").collect(None)
    assert [post.text for post in page.posts] == ["Acme am Ende? Kurier"]


async def test_every_term_has_its_own_feed() -> None:
    scripted = Scripted(news(), news(), news(), news())
    collector = google_news_for(scripted, "Acme", "Acme AG")
    cursor, seen = None, []
    for _ in range(4):
        page = await collector.collect(cursor)
        cursor = page.cursor
        seen.append((len(page.posts), page.more, page.health))
    assert seen == [
        (1, True, "ok"),
        (1, False, "ok"),
        (0, True, "unchanged"),
        (0, False, "unchanged"),
    ]
    assert scripted.asked[:2] == [
        {"q": '"Acme" when:1d', "hl": "de", "gl": "DE", "ceid": "DE:de"},
        {"q": '"Acme AG" when:1d', "hl": "de", "gl": "DE", "ceid": "DE:de"},
    ]


async def test_a_term_that_left_the_configuration_is_forgotten() -> None:
    first = await google_news_for(Scripted(news()), "Acme", "Bcme").collect(None)
    page = await google_news_for(Scripted(news()), "Bcme").collect(first.cursor)
    assert (len(page.posts), page.more) == (1, False)
    assert "Acme" not in (page.cursor or "")


async def test_a_page_that_asks_for_consent_is_blocked() -> None:
    consent = httpx.Response(200, html="<html><body>Bevor Sie zu Google weitergehen</body></html>")
    for collector in (google_news_for(Scripted(consent), "Acme"), alerts(Scripted(consent))):
        with pytest.raises(Blocked):
            await collector.collect(None)


async def test_without_words_there_is_nothing_to_search_for() -> None:
    with pytest.raises(Rejected, match="terms"):
        await google_news_for(Scripted()).collect(None)


async def test_the_past_of_an_alert_is_no_news() -> None:
    clock = SetClock()
    clock.forward(days=3)
    config = google_alerts.Config.model_validate({"id": "a", "feed": "https://g.example/feed"})
    page = await _collected(config, Scripted(atom(ALERT)), clock)
    assert page == [(True, clock.now - timedelta(days=3, hours=2))]


async def _collected(
    config: google_alerts.Config, scripted: Scripted, clock: SetClock
) -> list[tuple[bool, datetime | None]]:
    page = await config.build(tools_for(scripted, clock)).collect(None)
    return [(post.backfill, post.published_at) for post in page.posts]
