"""Posts and queries for the query language's tests: a builder with defaults, and strategies.

The words are few and awkward on purpose, so that generated queries often match generated posts.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from hypothesis import settings
from hypothesis import strategies as st

from libs.common.events import (
    LABELS,
    Author,
    Classification,
    ClassifiedMention,
    Engagement,
    Kind,
    Mention,
    Rating,
    mention_id,
)
from libs.common.query import QueryError, ast, parse, terms
from libs.common.query.fields import HAS, IS
from libs.common.query.reading import MAX_DISTANCE

unhurried = settings(deadline=None)
"""For properties: a busy machine is no failure."""
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


def a_post(text: str = "", **fields: Any) -> Mention:
    """A mention; anything not said is plain."""
    defaults: dict[str, Any] = {
        "id": mention_id("test", "1", "w"),
        "watch": "w",
        "source": "s",
        "platform": "test",
        "native_id": "1",
        "kind": "post",
        "text": text,
        "published_at": NOON,
        "collected_at": NOON,
    }
    kind = ClassifiedMention if "classification" in fields else Mention
    return kind(**(defaults | fields))


_AWKWARD = """
    Motorrad motorrad MOTORRAD Motorräder Motorraeder Müller Mueller Muller Müllers AG ag Tesla's
    motorrad-hersteller blaue Quelle Haue ue e a Straße STRASSE #Motorrad #motor_rad @MotorradAG
    @motor.rad info@motorrad.example naïve Europäer poet 1.000 c++ 東京 Motorrad東京 мотоёж ﬁx ½
    𝗠𝗼𝘁𝗼𝗿𝗿𝗮𝗱 Mo\u00adtorrad x\u0308y xy 😀 👍🏽 🇩🇪🇺🇸 and Not Ünder_score __ „Motorrad“ #東京
    https://a.example/b?c
"""
WORDS = tuple(_AWKWARD.split())
_SEPARATORS = st.sampled_from([" ", "  ", "\n", ", ", "-", "", " – ", "/", "\u00a0", "_", "."])

texts = st.lists(st.tuples(st.sampled_from(WORDS), _SEPARATORS), max_size=8).map(
    lambda pairs: "".join(word + separator for word, separator in pairs)
) | st.text(max_size=12)


@st.composite
def _classifications(draw: st.DrawFn) -> Classification:
    return Classification(
        label=draw(st.sampled_from(LABELS)),
        scores={},
        severity=draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])),
        lang=draw(st.sampled_from([None, "de", "en"])),
        model="m",
    )


_authors = st.builds(
    Author,
    key=st.sampled_from(["k1", "k2"]),
    handle=st.sampled_from([None, "@Anna_M", "gewinnspiel24"]),
    name=st.sampled_from([None, "Anna Müller", "Motorrad AG"]),
    followers=st.sampled_from([None, 0, 50, 1000]),
)
_ratings = st.builds(
    Rating, value=st.sampled_from([0.0, 1.0, 4.0, 8.0]), best=st.sampled_from([0.0, 5.0, 10.0])
)
_moments = st.sampled_from(
    [NOON, NOON - timedelta(days=1), datetime(2026, 1, 15, tzinfo=UTC), NOON + timedelta(days=40)]
)


@st.composite
def posts(draw: st.DrawFn) -> Mention:
    fields: dict[str, Any] = {
        "title": draw(st.none() | texts),
        "url": draw(st.sampled_from([None, "https://www.fanclub.example/A?b=1", "http://[bad"])),
        "source": draw(st.sampled_from(["s", "Forum"])),
        "platform": draw(st.sampled_from(["mastodon", "X"])),
        "kind": draw(st.sampled_from(get_args(Kind))),
        "author": draw(st.none() | _authors),
        "lang": draw(st.sampled_from([None, "de", "de-AT", "EN", "den"])),
        "rating": draw(st.none() | _ratings),
        "engagement": draw(st.none() | st.builds(Engagement, views=st.sampled_from([None, 70]))),
        "place": draw(st.sampled_from([None, "Berlin, DE", "de"])),
        "published_at": draw(_moments),
        "in_reply_to": draw(st.sampled_from([None, "9"])),
        "backfill": draw(st.booleans()),
    }
    if draw(st.booleans()):
        fields["classification"] = draw(_classifications())
    return a_post(draw(texts), **fields)


def _is_a_word(text: str) -> bool:
    try:
        return parse(text).query == ast.Word(text)
    except QueryError:
        return False


def _is_a_phrase(text: str) -> bool:
    try:
        terms.read_phrase(text)
    except terms.Wrong:
        return False
    return True


def _with_wildcard(word: str, where: int, wildcard: str) -> str:
    where %= len(word) + 1
    return word[:where] + wildcard + word[where + 1 :]


_wild = st.builds(
    _with_wildcard, st.sampled_from(WORDS), st.integers(0, 20), st.sampled_from(["*", "?", "*?"])
)
words = (
    (st.sampled_from(WORDS) | _wild | st.text(min_size=1, max_size=6))
    .filter(_is_a_word)
    .map(ast.Word)
)
phrases = (texts | st.lists(_wild, max_size=3).map(" ".join)).filter(_is_a_phrase).map(ast.Phrase)
raws = texts.filter(lambda text: bool(text.split())).map(ast.Raw)


def _several(queries: st.SearchStrategy[ast.Query]) -> st.SearchStrategy[tuple[ast.Query, ...]]:
    return st.lists(queries, min_size=2, max_size=3).map(tuple)


_near_operands: st.SearchStrategy[ast.NearOperand] = st.recursive(
    words | phrases,
    lambda inner: st.lists(inner, min_size=2, max_size=3).map(lambda found: ast.Or(tuple(found))),
    max_leaves=3,
)
nears = st.builds(
    ast.Near,
    _near_operands,
    _near_operands,
    st.integers(1, 6) | st.just(MAX_DISTANCE),
    st.booleans(),
)


def _read(name: ast.FieldName, *values: str) -> st.SearchStrategy[ast.Field]:
    return st.sampled_from(values).map(lambda value: terms.read_field(name, value))


fields = st.one_of(
    _read("site", "fanclub.example", "example", "*.example", "www.fanclub.example"),
    _read("url", "fanclub", "/a?b", "A b"),
    _read("source", "s", "forum", "f*"),
    _read("platform", "x", "Mastodon", "m*", "?"),
    _read("author", "anna", "@anna_m", "gewinnspiel*", "k1", "Anna Mueller", "*", "and"),
    _read("lang", "de", "de-at", "en", "DE"),
    _read("country", "de", "at"),
    _read("kind", *get_args(Kind)),
    _read("label", *LABELS),
    _read("has", *HAS),
    _read("is", *IS),
)
_operators = st.sampled_from(get_args(ast.Operator))
numbers = st.one_of(
    st.builds(ast.Compare, st.just("severity"), _operators, st.floats(0, 1)),
    st.builds(ast.Compare, st.just("severity"), _operators, st.sampled_from([0.3, 0.5])),
    st.builds(ast.Compare, st.just("rating"), _operators, st.sampled_from([0.0, 1.0, 4.0, 4.5])),
    st.builds(ast.Compare, st.just("reach"), _operators, st.integers(0, 10**11).map(float)),
    st.builds(ast.Compare, st.just("reach"), _operators, st.sampled_from([50.0, 70.0, 1000.0])),
)


@st.composite
def periods(draw: st.DrawFn) -> ast.Published:
    seconds = st.datetimes(datetime(1, 1, 2), datetime(9999, 1, 1)).map(  # noqa: DTZ001 - bounds
        lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
    )
    days = seconds.map(lambda moment: moment.replace(hour=0, minute=0, second=0))
    moments = _moments | seconds | days
    shape = draw(st.sampled_from(["from", "until", "between"]))
    first, last = sorted((draw(moments), draw(moments)))
    if shape == "from":
        return ast.Published(first, None)
    if shape == "until":
        return ast.Published(None, first)
    return ast.Published(first, max(last, first + timedelta(seconds=1)))


_leaves: st.SearchStrategy[ast.Query] = st.one_of(
    words, words, words, phrases, phrases, raws, nears, fields, numbers, periods()
) | st.builds(ast.Title, words | phrases)
queries: st.SearchStrategy[ast.Query] = st.just(ast.Everything()) | st.recursive(
    _leaves,
    lambda inner: (
        st.builds(ast.Not, inner)
        | st.builds(ast.And, _several(inner))
        | st.builds(ast.Or, _several(inner))
    ),
    max_leaves=8,
)
