"""Recent search of X: what is asked, what is remembered, and what refusals mean."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.ingest.collector import LooksAgain, LooksBack, Priced
from services.ingest.collectors.x.ids import time_of
from services.ingest.failure import (
    AuthFailed,
    Blocked,
    CollectionFailed,
    OverBudget,
    RateLimited,
    Rejected,
    Unreachable,
)
from tests.unit.ingest.building import NOW, SetClock
from tests.unit.ingest.collectors.x_samples import (
    Answers,
    a_config,
    a_search,
    a_tweet,
    an_answer,
    an_id,
)

MINUTE = timedelta(minutes=1)


async def test_a_first_reading_asks_for_the_last_day_with_the_token_in_the_header() -> None:
    answers = Answers(an_answer())
    page = await a_search(answers).collect(None)
    (request,) = answers.asked
    assert str(request.url).startswith("https://api.x.com/2/tweets/search/recent?")
    assert request.headers["authorization"] == "Bearer geheim"
    assert answers.params() == {
        "query": "(Motorrad) -is:retweet",
        "max_results": "100",
        "start_time": (NOW - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "tweet.fields": "author_id,conversation_id,created_at,entities,geo,lang,public_metrics,"
        "referenced_tweets,note_tweet,edit_history_tweet_ids",
        "expansions": "geo.place_id,author_id",
        "place.fields": "full_name,country_code",
        "user.fields": "name,username,public_metrics",
    }
    assert (page.posts, page.health, page.more) == ((), "unchanged", False)


async def test_one_since_id_is_kept_while_paging_and_the_first_page_sets_the_next() -> None:
    tweets = [a_tweet(NOW - number * MINUTE, number) for number in range(1, 5)]
    answers = Answers(
        an_answer(tweets[0]),
        an_answer(a_tweet(NOW + MINUTE, 9), a_tweet(NOW, 8), next_token="b"),
        an_answer(a_tweet(NOW - MINUTE, 7), next_token="c"),
        an_answer(),
        an_answer(),
    )
    search = a_search(answers)
    cursor = (await search.collect(None)).cursor
    since = []
    for _ in range(3):
        page = await search.collect(cursor)
        cursor = page.cursor
        since.append((answers.params()["since_id"], answers.params().get("next_token"), page.more))
    assert since == [
        (tweets[0]["id"], None, True),
        (tweets[0]["id"], "b", True),
        (tweets[0]["id"], "c", False),
    ]
    await search.collect(cursor)
    assert answers.params()["since_id"] == an_id(NOW + MINUTE, 9)


async def test_ids_are_compared_as_numbers() -> None:
    shorter, longer = str(10**18 - 1), str(10**18)
    posts = [{"id": shorter, "text": "a"}, {"id": longer, "text": "b"}]
    answers = Answers({"data": posts}, an_answer())
    search = a_search(answers, SetClock(time_of(10**18) + MINUTE))
    cursor = (await search.collect(None)).cursor
    await search.collect(cursor)
    assert answers.params()["since_id"] == longer


async def test_each_of_several_queries_has_its_own_progress() -> None:
    words = [f"Wort{number:02}" for number in range(20)]
    answers = Answers(
        an_answer(a_tweet(NOW, 1)), an_answer(a_tweet(NOW, 2)), an_answer(), an_answer()
    )
    search = a_search(answers, terms=words, query_length=150)
    first = await search.collect(None)
    second = await search.collect(first.cursor)
    assert (first.more, second.more) == (True, False)
    assert answers.params(0)["query"] != answers.params(1)["query"]
    third = await search.collect(second.cursor)
    await search.collect(third.cursor)
    assert [answers.params(2)["since_id"], answers.params(3)["since_id"]] == [
        an_id(NOW, 1),
        an_id(NOW, 2),
    ]


async def test_other_words_begin_where_the_old_ones_had_been_read() -> None:
    answers = Answers(an_answer(a_tweet(NOW, 1), next_token="b"), an_answer(a_tweet(NOW, 2)))
    cursor = (await a_search(answers).collect(None)).cursor
    await a_search(answers, terms=["Fahrrad"]).collect(cursor)
    assert "next_token" not in answers.params()
    assert answers.params()["start_time"] == answers.params(0)["start_time"]


async def test_a_search_that_found_nothing_need_not_look_back_as_far_again() -> None:
    answers, clock = Answers(an_answer(), an_answer()), SetClock()
    search = a_search(answers, clock)
    cursor = (await search.collect(None)).cursor
    await search.collect(cursor)
    assert answers.params()["start_time"] == "2026-09-18T10:20:00Z"


async def test_after_more_than_seven_days_it_begins_where_search_can_and_says_so() -> None:
    answers, clock = Answers(an_answer(a_tweet(NOW, 1)), an_answer()), SetClock()
    search = a_search(answers, clock)
    cursor = (await search.collect(None)).cursor
    clock.forward(days=8)
    page = await search.collect(cursor)
    assert "since_id" not in answers.params()
    assert answers.params()["start_time"] == "2026-09-19T11:30:00Z"
    assert not page.complete


async def test_a_since_id_that_is_refused_becomes_a_time() -> None:
    too_old = refusal(400, parameters="since_id", message="'since_id' must be a tweet id after …")
    answers = Answers(an_answer(a_tweet(NOW, 1)), too_old, an_answer(a_tweet(NOW, 2)))
    search = a_search(answers)
    cursor = (await search.collect(None)).cursor
    page = await search.collect(cursor)
    assert "start_time" in answers.params()
    assert [post.native_id for post in page.posts] == [an_id(NOW, 2)]
    assert not page.complete


async def test_a_token_that_is_refused_begins_the_sweep_anew() -> None:
    stale = refusal(400, parameters="next_token", message="The next_token is not valid.")
    answers = Answers(an_answer(a_tweet(NOW, 1), next_token="b"), stale, an_answer(a_tweet()))
    search = a_search(answers)
    cursor = (await search.collect(None)).cursor
    await search.collect(cursor)
    assert "next_token" not in answers.params()


async def test_partial_errors_beside_posts_are_no_failure() -> None:
    gone = {"resource_id": "7", "title": "Not Found Error", "type": "…/resource-not-found"}
    answers = Answers(an_answer(a_tweet(), errors=[gone]), {"errors": [gone]})
    search = a_search(answers)
    page = await search.collect(None)
    assert len(page.posts) == 1
    assert (await search.collect(page.cursor)).posts == ()


async def test_what_it_costs_is_counted_by_posts_and_authors() -> None:
    answers = Answers(an_answer(a_tweet(NOW, 1), a_tweet(NOW, 2)), an_answer())
    search = a_search(answers)
    assert isinstance(search, Priced)
    page = await search.collect(None)
    assert page.reads == 2
    assert page.money == pytest.approx(0.02)
    assert search.dearest_page().reads == 100
    assert search.dearest_page().money == pytest.approx(1.5)
    assert search.looking_again(10).money == pytest.approx(0.05)
    assert (await search.collect(page.cursor)).money == 0.0


def test_a_budget_that_affords_no_page_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="one page at least: 100 reads"):
        a_config(budget={"money_per_month": 1})
    assert a_config(budget={"money_per_month": 1}, per_page=10).per_page == 10


async def test_posts_that_are_gone_are_named_by_the_lookup() -> None:
    answers = Answers(
        {
            "data": [{"id": "1", "text": "da"}],
            "errors": [
                {"resource_id": "2", "type": "https://api.x.com/2/problems/resource-not-found"},
                {
                    "value": "3",
                    "type": "https://api.twitter.com/2/problems/not-authorized-for-resource",
                },
                {"resource_id": "4", "type": "https://api.x.com/2/problems/disallowed-resource"},
            ],
        }
    )
    search = a_search(answers)
    assert isinstance(search, LooksAgain)
    gone = await search.deleted(["1", "2", "3", "4"])
    assert [(each.platform, each.native_id, each.deleted_at) for each in gone] == [
        ("x", "2", NOW),
        ("x", "3", NOW),
    ]
    assert answers.params() == {"ids": "1,2,3,4"}


async def test_more_than_a_hundred_posts_are_looked_up_in_several_requests() -> None:
    answers = Answers({}, {}, {})
    assert await a_search(answers).deleted([str(number) for number in range(250)]) == []
    assert [request.url.params["ids"].count(",") + 1 for request in answers.asked] == [100, 100, 50]


async def test_it_reads_from_a_given_time_on() -> None:
    answers = Answers(an_answer())
    search = a_search(answers)
    assert isinstance(search, LooksBack)
    await search.collect(search.since(NOW - timedelta(days=3)))
    assert answers.params()["start_time"] == "2026-09-15T10:30:00Z"


def refusal(status: int, **fields: Any) -> httpx.Response:
    """As X answers a request it does not like."""
    body: dict[str, Any] = {
        "title": "Invalid Request",
        "detail": "One or more parameters to your request was invalid.",
        "type": "https://api.twitter.com/2/problems/invalid-request",
    }
    if parameter := fields.pop("parameters", None):
        fields["errors"] = [{"parameters": {parameter: ["…"]}, "message": fields.pop("message")}]
    return httpx.Response(status, json=body | fields)


CAPPED = {"title": "UsageCapExceeded", "detail": "Usage cap exceeded: Monthly product cap"}
PLAIN = {"type": "about:blank", "title": "Unauthorized", "detail": "Unauthorized"}


@pytest.mark.parametrize(
    ("answer", "failure", "said"),
    [
        (refusal(429, type="https://api.x.com/2/problems/usage-capped"), OverBudget, "Invalid"),
        (refusal(429, **CAPPED), OverBudget, "Monthly product cap"),
        (refusal(429, **PLAIN), RateLimited, "Unauthorized"),
        (refusal(401, **PLAIN), AuthFailed, "Unauthorized"),
        (
            refusal(
                403,
                title="Client Forbidden",
                reason="client-not-enrolled",
                type="https://api.twitter.com/2/problems/client-forbidden",
            ),
            AuthFailed,
            "client-not-enrolled",
        ),
        (refusal(403, detail="not for you"), Rejected, "not for you"),
        (httpx.Response(403, html="<html>captcha</html>"), Blocked, "asks for a person"),
        (
            refusal(400, parameters="query", message="invalid operator 'min_faves'"),
            Rejected,
            "invalid operator 'min_faves'",
        ),
        (httpx.Response(503, html="<html>Over capacity</html>"), Unreachable, "answered 503"),
        (httpx.Response(400, json=[{"errors": 7}]), Rejected, "answered 400"),
        (httpx.Response(200, html="<html>captcha</html>"), Blocked, "asks for a person"),
    ],
)
async def test_a_refusal_is_what_the_platform_means(
    answer: httpx.Response, failure: type[CollectionFailed], said: str
) -> None:
    with pytest.raises(failure) as raised:
        await a_search(Answers(answer)).collect(None)
    assert type(raised.value) is failure
    assert said in str(raised.value)
    assert "geheim" not in str(raised.value)


async def test_a_rate_limit_ends_when_the_header_says_a_used_up_month_does_not() -> None:
    reset = str(int((NOW + timedelta(minutes=9)).timestamp()))
    headers = {"x-rate-limit-reset": reset}
    limited = httpx.Response(429, json=PLAIN, headers=headers)
    with pytest.raises(RateLimited) as raised:
        await a_search(Answers(limited)).collect(None)
    assert raised.value.not_before == NOW + timedelta(minutes=9)
    capped = httpx.Response(429, json=CAPPED, headers=headers)
    with pytest.raises(OverBudget) as used_up:
        await a_search(Answers(capped)).collect(None)
    assert used_up.value.not_before == NOW + timedelta(hours=6)
