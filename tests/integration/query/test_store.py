"""The store keeps its promises on both databases."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from itertools import count

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.db import migrate, open_engine
from libs.common.errors import Retryable
from libs.common.events import ClassifiedMention, mention_id, to_json
from libs.common.query import Query, matches, parse
from services.query.rows import mention_of
from services.query.search import Bounds, Search
from services.query.store import Found, MentionStore
from services.query.tables import COLUMNS
from services.query.writing import LONGEST_TSVECTOR
from tests.unit.query.generators import posts, queries
from tests.unit.query_service.building import a_classification, a_deletion, a_mention

MINUTE = timedelta(minutes=1)
EVERYTHING = parse("").query


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(database_url)
    await migrate(engine, "services.query")
    yield engine
    await engine.dispose()


@pytest.fixture
def store(engine: AsyncEngine) -> MentionStore:
    return MentionStore(engine)


async def all_pages(store: MentionStore, search: Search) -> list[ClassifiedMention]:
    """Everything a search finds, page after page."""
    found: list[ClassifiedMention] = []
    after = search.after
    while True:
        page = await store.search(
            Search(search.query, search.watch, search.limit, after, search.newest_first)
        )
        assert len(page.bodies) <= search.limit
        found += [mention_of(body) for body in page.bodies]
        if page.after is None:
            return found
        after = page.after


async def found_by(store: MentionStore, query: str) -> list[str]:
    """The native ids of what a query finds, newest first."""
    found = await all_pages(store, Search(parse(query).query))
    return [mention.native_id for mention in found]


async def test_a_mention_is_given_back_as_it_came(store: MentionStore) -> None:
    mention = a_mention(text="Größe, 👍 und \x00")
    assert await store.write([mention]) == Counter(stored=1)
    assert await store.get(mention.id) == Found(to_json(mention))


async def test_an_unknown_id_is_not_found(store: MentionStore) -> None:
    assert await store.get("nobody") is None


async def test_a_repeat_is_one_row_and_changes_nothing(store: MentionStore) -> None:
    batch = [a_mention(number) for number in range(1, 6)]
    await store.write(batch)
    assert await store.write(batch) == Counter()
    assert await found_by(store, "bremse") == ["5", "4", "3", "2", "1"]


async def test_an_edit_is_found_by_its_new_words_only(store: MentionStore) -> None:
    await store.write([a_mention(text="Die Kupplung rutscht")])
    await store.write([a_mention(text="Die Gabel klappert", collected=2 * MINUTE)])
    assert await found_by(store, "gabel") == ["1"]
    assert await found_by(store, "kupplung") == []
    assert await found_by(store, "") == ["1"]


async def test_a_stale_repeat_does_not_undo_an_edit(store: MentionStore) -> None:
    first = a_mention(text="Die Kupplung rutscht")
    edited = a_mention(text="Die Gabel klappert", collected=2 * MINUTE)
    await store.write([first, edited])
    assert await store.write([first]) == Counter()
    assert await found_by(store, "gabel") == ["1"]


async def test_an_edit_that_keeps_the_words_is_still_found(store: MentionStore) -> None:
    await store.write([a_mention(), a_mention(2)])
    await store.write([a_mention(label="crisis_candidate", collected=2 * MINUTE)])
    assert await found_by(store, "bremse label:crisis_candidate") == ["1"]
    assert await found_by(store, "bremse label:complaint") == ["2"]


async def test_a_deletion_forgets_the_text(store: MentionStore) -> None:
    mention = a_mention(text="Geheimnis")
    await store.write([mention, a_mention(2, "Geheimnis")])
    assert await store.write([a_deletion(mention)]) == Counter(deleted=1)
    assert await store.get(mention.id) == Found(None)
    assert await found_by(store, "geheimnis") == ["2"]
    assert await found_by(store, "") == ["2"]


async def test_a_late_repeat_does_not_bring_a_deleted_mention_back(store: MentionStore) -> None:
    mention = a_mention()
    await store.write([mention])
    await store.write([a_deletion(mention)])
    assert await store.write([mention]) == Counter()
    assert await store.get(mention.id) == Found(None)


async def test_a_deletion_before_the_mention_holds(store: MentionStore) -> None:
    mention = a_mention()
    await store.write([a_deletion(mention)])
    await store.write([mention])
    assert await store.get(mention.id) == Found(None)


async def test_a_mention_that_is_shown_again_is_found_again(store: MentionStore) -> None:
    mention = a_mention()
    again = msgspec.structs.replace(mention, collected_at=mention.collected_at + 60 * 3 * MINUTE)
    await store.write([mention])
    await store.write([a_deletion(mention)])
    await store.write([again])
    assert await found_by(store, "bremse") == ["1"]


async def test_nothing_of_a_deleted_mention_is_left_in_the_tables(
    engine: AsyncEngine, store: MentionStore
) -> None:
    mention = a_mention(text="Geheimnis")
    await store.write([mention])
    await store.write([a_deletion(mention)])
    async with engine.connect() as connection:
        [row] = (await connection.execute(text("SELECT * FROM mentions"))).mappings().all()
    kept = {name for name, value in row.items() if value is not None}
    assert kept == {
        *("id", "seq", "watch", "source", "platform"),
        *("published_at", "collected_at", "deleted_at"),
    }


async def test_pages_follow_each_other_in_both_orders(store: MentionStore) -> None:
    # Three mentions share each second, so that the id has to decide.
    batch = [a_mention(n, after=timedelta(seconds=n // 3)) for n in range(25)]
    random.Random(1).shuffle(batch)
    await store.write(batch)
    by_time = sorted(batch, key=lambda mention: (mention.published_at, mention.id))
    for limit in (1, 4, 25, 26):
        oldest = await all_pages(store, Search(EVERYTHING, limit=limit, newest_first=False))
        newest = await all_pages(store, Search(EVERYTHING, limit=limit))
        assert oldest == by_time
        assert newest == by_time[::-1]


async def test_a_full_last_page_has_no_next_one(store: MentionStore) -> None:
    await store.write([a_mention(number) for number in range(4)])
    assert (await store.search(Search(EVERYTHING, limit=4))).after is None
    assert (await store.search(Search(parse("bremse").query, limit=4))).after is None


async def test_pages_stay_stable_while_mentions_arrive(store: MentionStore) -> None:
    await store.write([a_mention(number) for number in range(10)])
    first = await store.search(Search(EVERYTHING, limit=5))
    await store.write([a_mention(number) for number in range(10, 20)])
    second = await store.search(Search(EVERYTHING, limit=5, after=first.after))
    numbers = [mention_of(body).native_id for body in [*first.bodies, *second.bodies]]
    assert numbers == ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]


async def test_a_watch_sees_its_own_mentions(store: MentionStore) -> None:
    await store.write([a_mention(1), a_mention(2, watch="board")])
    for query in ("", "bremse", "label:complaint"):
        found = await all_pages(store, Search(parse(query).query, watch="board"))
        assert [mention.native_id for mention in found] == ["2"]


@pytest.mark.parametrize(
    "query", ["bremse", "label:complaint", "kind:post bremse", "raw:Bremse", "NOT honda"]
)
@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(candidates=6, chunk=3, walked=4, rare=0),
        Bounds(candidates=3, chunk=2, walked=1000, rare=1000),
        Bounds(candidates=1000, chunk=500, walked=1, rare=0),
    ],
)
async def test_a_search_that_meets_its_bounds_goes_on_where_it_stopped(
    engine: AsyncEngine, bounds: Bounds, query: str
) -> None:
    store = MentionStore(engine, bounds)
    noise = [a_mention(n, "Honda bremst", label="praise", kind="reply") for n in range(30)]
    wanted = [a_mention(n) for n in (100, 12_000, -5, -6)]
    await store.write([*noise, *wanted])
    found = await all_pages(store, Search(parse(query).query, limit=3))
    assert [mention.native_id for mention in found] == ["12000", "100", "-5", "-6"]


async def test_one_request_does_a_bounded_amount_of_work(engine: AsyncEngine) -> None:
    store = MentionStore(engine, Bounds(candidates=20, chunk=10))
    await store.write([a_mention(number) for number in range(100)])
    page = await store.search(Search(parse("has:place").query))
    assert page.bodies == []
    assert page.after is not None


async def test_a_text_too_long_for_a_tsvector_is_found_all_the_same(store: MentionStore) -> None:
    words = [f"wort{number:x}".ljust(60, "x") for number in range(LONGEST_TSVECTOR // 60)]
    await store.write([a_mention(1, " ".join(words)), a_mention(2)])
    assert await found_by(store, words[-1]) == ["1"]
    assert await found_by(store, "bremse") == ["2"]


async def test_a_large_batch_with_repeats_of_itself_is_written(store: MentionStore) -> None:
    batch = [a_mention(number % 1500) for number in range(2000)]
    assert await store.write(batch) == Counter(stored=1500)
    assert len(await all_pages(store, Search(EVERYTHING, limit=500))) == 1500


async def test_two_copies_that_write_the_same_batch_both_succeed(
    engine: AsyncEngine, database_url: str
) -> None:
    another = open_engine(database_url)
    one, two = MentionStore(engine), MentionStore(another)
    batch = [a_mention(number) for number in range(300)]
    edits = [a_mention(n, "Die Gabel klappert", collected=2 * MINUTE) for n in range(300)]
    await asyncio.gather(
        one.write(batch), two.write(batch[::-1]), one.write(edits), two.write(edits[::-1])
    )
    await another.dispose()
    assert len(await found_by(one, "gabel")) == 300


async def test_the_tables_are_those_of_the_migrations(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        made = await connection.run_sync(lambda sync: inspect(sync).get_columns("mentions"))
    extra = {"words"} if engine.dialect.name == "postgresql" else set()
    assert {column["name"] for column in made} == set(COLUMNS) | extra


async def test_a_store_that_does_not_answer_is_worth_another_try() -> None:
    engine = open_engine("postgresql://nobody@127.0.0.1:1/nowhere")
    absent = MentionStore(engine)
    with pytest.raises(Retryable):
        await absent.write([a_mention()])
    with pytest.raises(Retryable):
        await absent.search(Search(EVERYTHING))
    with pytest.raises(Retryable):
        await absent.get("1")
    await engine.dispose()


Asked = tuple[asyncio.Runner, MentionStore, MentionStore]


@pytest.fixture
def asked(database_url: str) -> Iterator[Asked]:
    """A store under both ways of looking words up, and the loop it lives in."""
    with asyncio.Runner() as runner:
        engine = open_engine(database_url)
        runner.run(migrate(engine, "services.query"))
        along_the_time = MentionStore(engine, Bounds(rare=0))
        yield runner, MentionStore(engine), along_the_time
        runner.run(engine.dispose())


_watches = count(1)


def classified(given_posts: Sequence[object], watch: str) -> list[ClassifiedMention]:
    """The generated posts as mentions of one watch, each with a verdict."""
    mentions = []
    for number, post in enumerate(given_posts):
        fields = msgspec.structs.asdict(post)  # type: ignore[arg-type]
        fields.setdefault("classification", a_classification())
        fields |= {"watch": watch, "id": mention_id("test", str(number), watch)}
        mentions.append(ClassifiedMention(**fields))
    return mentions


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(posts(), max_size=6), st.lists(queries, min_size=1, max_size=6))
def test_a_search_finds_exactly_what_the_query_matches(
    asked: Asked, given_posts: list[object], asked_queries: list[Query]
) -> None:
    runner, *stores = asked
    watch = f"w{next(_watches)}"
    mentions = classified(given_posts, watch)
    runner.run(stores[0].write(mentions))
    for query in asked_queries:
        expected = {mention.id for mention in mentions if matches(query, mention)}
        for store in stores:
            found = runner.run(all_pages(store, Search(query, watch, limit=2)))
            assert {mention.id for mention in found} == expected
            assert len(found) == len(expected)
