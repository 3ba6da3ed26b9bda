"""How web pages are read: politely, one after the other, and what is new on them."""

from __future__ import annotations

from datetime import timedelta

import httpx
import msgspec
import pytest
from pydantic import ValidationError

from services.ingest.collector import Tools
from services.ingest.collectors import page
from services.ingest.failure import Blocked, NotAFeed, RateLimited, Unreachable
from services.ingest.post import Page
from tests.unit.ingest.building import NOW, SetClock, Unconfined

AGENT = "Brandmelder/1 (+https://motorrad.example/bot)"


class Site:
    """Answers by path and query; what it does not know is not there."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self.asked: list[str] = []
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        place = request.url.raw_path.decode()
        self.asked.append(place)
        self.requests.append(request)
        given = self.answers.get(place, httpx.Response(404))
        stream = httpx.ByteStream(given.content)
        return httpx.Response(given.status_code, headers=given.headers, stream=stream)


def a_review(number: int, text: str = "", **fields: object) -> dict[str, object]:
    at = (NOW - timedelta(minutes=number)).isoformat()
    return {
        "@type": "Review",
        "@id": f"/r/{number}",
        "reviewBody": text or f"Motorrad {number}",
        "datePublished": at,
        **fields,
    }


def a_page(*reviews: dict[str, object], after: str = "") -> httpx.Response:
    things = msgspec.json.encode({"@type": "Product", "review": reviews}).decode()
    link = f'<a class="next" href="{after}">weiter</a>' if after else ""
    script = f'<script type="application/ld+json">{things}</script>'
    return httpx.Response(200, html=f"<html><head>{script}</head><body>{link}</body></html>")


def a_collector(site: Site, clock: SetClock | None = None, **fields: object) -> page.PageCollector:
    client = httpx.AsyncClient(transport=httpx.MockTransport(site), headers={"User-Agent": AGENT})
    tools = Tools(client, client, clock or SetClock(), Unconfined())
    given = {"id": "portal", "url": "https://portal.example/adler", "next": "a.next", **fields}
    collector = page.Config.model_validate(given).build(tools)
    assert isinstance(collector, page.PageCollector)
    return collector


async def read(collector: page.PageCollector, cursor: str | None = None) -> list[Page]:
    pages: list[Page] = []
    while not pages or pages[-1].more:
        pages.append(await collector.collect(cursor))
        cursor = pages[-1].cursor
    return pages


def ids(pages: list[Page]) -> list[str]:
    return [post.native_id.rpartition("/")[2] for each in pages for post in each.posts]


async def test_following_pages_are_read_and_what_moved_on_is_not_new_again() -> None:
    site = Site()
    site.answers = {
        "/adler": a_page(a_review(1), a_review(2), after="?p=2"),
        "/adler?p=2": a_page(a_review(3)),
    }
    collector = a_collector(site)
    first = await read(collector)
    assert sorted(ids(first)) == ["1", "2", "3"]
    site.answers = {
        "/adler": a_page(a_review(0), a_review(1), after="?p=2"),
        "/adler?p=2": a_page(a_review(2), a_review(3)),
    }
    second = await read(collector, first[-1].cursor)
    assert ids(second) == ["0"]


async def test_an_edited_review_comes_again_from_any_page() -> None:
    site = Site()
    site.answers = {
        "/adler": a_page(a_review(1), after="?p=2"),
        "/adler?p=2": a_page(a_review(2)),
    }
    collector = a_collector(site)
    first = await read(collector)
    site.answers["/adler?p=2"] = a_page(a_review(2, "ganz anders"))
    second = await read(collector, first[-1].cursor)
    assert [post.text for each in second for post in each.posts] == ["ganz anders"]


async def test_pages_that_lead_in_a_circle_or_without_end_are_left() -> None:
    site = Site()
    site.answers = {
        "/adler": a_page(a_review(1), after="?p=2"),
        "/adler?p=2": a_page(a_review(2), after="/adler"),
    }
    assert len(await read(a_collector(site))) == 2
    site.answers["/adler?p=2"] = a_page(a_review(2), after="?p=3")
    site.answers["/adler?p=3"] = a_page(a_review(3), after="?p=4")
    assert len(await read(a_collector(site, pages=3))) == 3


async def test_a_following_page_that_is_gone_does_not_keep_us_from_the_first() -> None:
    site = Site()
    site.answers = {"/adler": a_page(a_review(1), after="?p=2")}
    collector = a_collector(site)
    first = await read(collector)
    assert (ids(first), first[-1].complete, first[-1].more) == (["1"], False, False)
    site.answers["/adler"] = a_page(a_review(0), a_review(1))
    assert ids(await read(collector, first[-1].cursor)) == ["0"]


async def test_too_many_requests_are_told_on_any_page() -> None:
    site = Site()
    site.answers = {
        "/adler": a_page(a_review(1), after="?p=2"),
        "/adler?p=2": httpx.Response(429, headers={"Retry-After": "90"}),
    }
    collector = a_collector(site)
    first = await collector.collect(None)
    with pytest.raises(RateLimited) as raised:
        await collector.collect(first.cursor)
    assert raised.value.not_before == NOW + timedelta(seconds=90)


async def test_a_next_page_on_another_host_is_not_read() -> None:
    site = Site()
    site.answers = {"/adler": a_page(a_review(1), after="https://evil.example/adler")}
    assert len(await read(a_collector(site))) == 1


async def test_an_unchanged_page_is_not_read_again() -> None:
    site = Site()
    answer = a_page(a_review(1))
    answer.headers["ETag"] = '"a"'
    site.answers = {"/adler": answer}
    collector = a_collector(site)
    first = await read(collector)
    site.answers["/adler"] = httpx.Response(304, headers={"ETag": '"a"'})
    (second,) = await read(collector, first[-1].cursor)
    assert (second.posts, second.health) == ((), "unchanged")
    assert site.requests[-1].headers["if-none-match"] == '"a"'
    site.answers["/adler"] = a_page(a_review(1), a_review(0))
    assert ids(await read(collector, second.cursor)) == ["0"]


async def test_what_is_old_or_of_unknown_age_at_first_is_the_past() -> None:
    site = Site()
    old = a_review(3, datePublished="2026-09-01")
    undated = a_review(4, datePublished="vor 2 Tagen")
    site.answers = {"/adler": a_page(a_review(1), old, undated)}
    collector = a_collector(site)
    first = await read(collector)
    past = {post.native_id[-1]: post.backfill for post in first[0].posts}
    assert past == {"1": False, "3": True, "4": True}
    site.answers["/adler"] = a_page(a_review(5, datePublished="vor 1 Stunde"), old, undated)
    (second,) = await read(collector, first[-1].cursor)
    assert [(post.native_id[-1], post.backfill) for post in second.posts] == [("5", False)]


async def test_a_login_in_the_address_is_in_no_post_and_in_no_cursor() -> None:
    site = Site()
    site.answers = {"/adler": a_page(a_review(1), after="?p=2"), "/adler?p=2": a_page(a_review(2))}
    collector = a_collector(site, url="https://anna:geheim@portal.example/adler")
    pages = await read(collector)
    assert ids(pages) == ["1", "2"]
    assert not [each for each in pages if "geheim" in f"{each.posts}{each.cursor}"]
    (again, *_) = await read(collector, pages[-1].cursor)
    assert (again.posts, again.health) == ((), "unchanged")
    assert site.requests[1].headers["authorization"].startswith("Basic ")


async def test_what_robots_txt_forbids_is_blocked_and_says_why() -> None:
    site = Site()
    site.answers = {
        "/robots.txt": httpx.Response(200, text="User-agent: *\nDisallow: /ad*r$"),
        "/adler": a_page(a_review(1)),
    }
    with pytest.raises(Blocked, match=r"robots\.txt"):
        await read(a_collector(site))
    assert site.asked == ["/robots.txt"]
    assert ids(await read(a_collector(site, obey_robots=False))) == ["1"]


async def test_rules_for_us_by_name_count_more_than_those_for_all() -> None:
    site = Site()
    rules = "User-agent: *\nDisallow: /\n\nUser-agent: brandmelder\nAllow: /"
    site.answers = {
        "/robots.txt": httpx.Response(200, text=rules),
        "/adler": a_page(a_review(1)),
    }
    assert ids(await read(a_collector(site))) == ["1"]


async def test_robots_txt_is_asked_for_once_a_day() -> None:
    site, clock = Site(), SetClock()
    site.answers = {"/adler": a_page(a_review(1))}
    collector = a_collector(site, clock)
    (first,) = await read(collector)
    clock.forward(hours=23)
    (second,) = await read(collector, first.cursor)
    assert site.asked == ["/robots.txt", "/adler", "/adler"]
    clock.forward(hours=2)
    site.answers["/robots.txt"] = httpx.Response(200, text="User-agent: *\nDisallow: /")
    with pytest.raises(Blocked):
        await read(collector, second.cursor)


async def test_a_server_that_does_not_say_what_it_allows_is_not_read() -> None:
    site = Site()
    site.answers = {"/robots.txt": httpx.Response(500), "/adler": a_page(a_review(1))}
    with pytest.raises(Unreachable):
        await read(a_collector(site))
    assert site.asked == ["/robots.txt"]


async def test_the_wait_between_two_requests_that_a_site_wants_is_kept() -> None:
    site = Site()
    site.answers = {
        "/robots.txt": httpx.Response(200, text="User-agent: *\nCrawl-delay: 30"),
        "/adler": a_page(a_review(1), after="?p=2"),
        "/adler?p=2": a_page(a_review(2)),
    }
    collector = a_collector(site)
    first = await collector.collect(None)
    assert (first.more, first.next_in) == (False, timedelta(seconds=30))
    second = await collector.collect(first.cursor)
    assert ids([first, second]) == ["1", "2"]


@pytest.mark.parametrize(
    ("answer", "failure", "said"),
    [
        (httpx.Response(200, json={"a": 1}), NotAFeed, "application/json"),
        (httpx.Response(200, html="<html><p>Hallo</p></html>"), NotAFeed, "select"),
        (
            httpx.Response(200, html="<html><title>Just a moment...</title></html>"),
            Blocked,
            "asks for a person",
        ),
    ],
)
async def test_a_page_that_cannot_be_read_says_why(
    answer: httpx.Response, failure: type[Exception], said: str
) -> None:
    site = Site()
    site.answers = {"/adler": answer}
    with pytest.raises(failure, match=said):
        await read(a_collector(site))


async def test_a_page_whose_reviews_are_all_gone_is_empty() -> None:
    site = Site()
    site.answers = {"/adler": a_page()}
    (only,) = await read(a_collector(site))
    assert (only.posts, only.health) == ((), "empty")


async def test_a_page_with_a_captcha_beside_its_reviews_is_read() -> None:
    site = Site()
    content = a_page(a_review(1)).text.replace("<body>", "<body><div class=g-recaptcha>")
    site.answers = {"/adler": httpx.Response(200, html=content)}
    assert ids(await read(a_collector(site))) == ["1"]


async def test_answers_are_threaded_by_their_ids_on_this_source() -> None:
    site = Site()
    question: dict[str, object] = {
        "@type": "Question",
        "@id": "/q/1",
        "name": "Hält sie?",
        "suggestedAnswer": {"@type": "Answer", "@id": "/q/1#a2", "text": "Nein"},
    }
    site.answers = {"/adler": a_page(question)}
    (only,) = await read(a_collector(site, platform="forum"))
    answer, asked = only.posts
    assert (asked.platform, asked.native_id) == ("forum", "portal/https://portal.example/q/1")
    assert (answer.kind, answer.thread, answer.in_reply_to) == (
        "answer",
        asked.native_id,
        asked.native_id,
    )


def test_a_selector_that_is_none_is_refused() -> None:
    for wrong in ("div[", "a:unknown(", "@", "div..x@href"):
        with pytest.raises(ValidationError, match="expected a CSS selector"):
            a_collector(Site(), select={"item": "div", "text": wrong})


def test_selected_posts_with_a_rating_are_reviews() -> None:
    places = {"item": ".r", "text": ".t"}
    assert page.SelectConfig.model_validate(places).select().kind == "post"
    rated = page.SelectConfig.model_validate({**places, "rating": ".s@title"})
    assert rated.select().kind == "review"
    chosen = page.SelectConfig.model_validate({**places, "rating": ".s", "posts": "comment"})
    assert chosen.select().kind == "comment"
