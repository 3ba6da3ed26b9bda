"""Pages as sites write them, and the posts in them."""

from __future__ import annotations

import msgspec
import pytest

from libs.common.events import Engagement, Rating
from services.ingest.post import PostAuthor
from services.ingest.reading.dates import parse_date
from services.ingest.reading.page_formats.item import Content, Item, Select
from services.ingest.reading.page_formats.read import Job, parse_page, read_page
from tests.unit.ingest.building import Unconfined

URL = "https://portal.example/hotel/adler"


def a_page(*blocks: object, body: str = "") -> str:
    """Blocks are JSON-LD: written as it is, or a value."""
    scripts = "".join(
        f'<script type="application/ld+json">{block}</script>'
        for each in blocks
        for block in [each if isinstance(each, str) else msgspec.json.encode(each).decode()]
    )
    return f'<!DOCTYPE html><html lang="de"><head>{scripts}</head><body>{body}</body></html>'


def parsed(text: str, select: Select | None = None, after: str = "") -> Content:
    return parse_page(Job(text, URL, select, after))


def items(*blocks: object, body: str = "") -> tuple[Item, ...]:
    return parsed(a_page(*blocks, body=body)).items


def a_review(text: str = "Bett zu kurz", **fields: object) -> dict[str, object]:
    return {"@type": "Review", "reviewBody": text, **fields}


def texts(found: tuple[Item, ...]) -> list[str]:
    return [item.text for item in found]


def test_a_review_of_a_hotel_is_read_whole() -> None:
    hotel = {
        "@context": "https://schema.org",
        "@type": "Hotel",
        "name": "Adler",
        "address": {"@type": "PostalAddress", "addressLocality": "Bonn", "addressCountry": "DE"},
        "aggregateRating": {"@type": "AggregateRating", "ratingValue": "3,9", "reviewCount": 88},
        "review": {
            "@type": "Review",
            "@id": "#review-17",
            "name": "Nie wieder",
            "reviewBody": "<p>Bett zu kurz &amp; Frühstück kalt</p>",
            "author": {"@type": "Person", "name": "Ann", "url": "/user/ann"},
            "datePublished": "2026-09-17T21:30:00+02:00",
            "inLanguage": "de-DE",
            "reviewRating": {"@type": "Rating", "ratingValue": "2,5", "bestRating": "6"},
        },
    }
    assert items(hotel) == (
        Item(
            name=f"{URL}#review-17",
            kind="review",
            title="Nie wieder",
            text="Bett zu kurz & Frühstück kalt",
            author=PostAuthor(
                id="https://portal.example/user/ann",
                name="Ann",
                url="https://portal.example/user/ann",
            ),
            published=parse_date("2026-09-17T19:30:00Z"),
            lang="de-DE",
            rating=Rating(value=2.5, best=6),
            place="Bonn, DE",
        ),
    )


@pytest.mark.parametrize("parent", ["Product", "LocalBusiness", "Organization", "Hotel"])
@pytest.mark.parametrize("as_list", [True, False])
def test_a_review_may_be_one_or_a_list_in_whatever_it_is_about(parent: str, as_list: bool) -> None:
    review = a_review()
    thing = {"@type": parent, "review": [review] if as_list else review}
    assert texts(items(thing)) == ["Bett zu kurz"]


def test_a_broken_block_does_not_cost_the_others() -> None:
    found = items(a_review("eins"), '{"@type": "Review", "reviewBody": "kaputt', a_review("zwei"))
    assert texts(found) == ["eins", "zwei"]


def test_blocks_with_comments_and_trailing_commas_are_read_as_well() -> None:
    block = '<!-- bewertung -->\n{"@type": "Review", /* x */ "reviewBody": "eins",}'
    assert texts(items(block)) == ["eins"]


def test_things_in_a_graph_are_found_and_names_are_looked_up_in_it() -> None:
    graph = {
        "@graph": [
            {"@type": "WebPage", "@id": URL},
            {"@type": ["Thing", "UserReview"], "reviewBody": "gut", "author": {"@id": "#ann"}},
            {"@type": "Person", "@id": "#ann", "name": "Ann B."},
        ]
    }
    (item,) = items(graph)
    assert (item.kind, item.text, item.author) == (
        "review",
        "gut",
        PostAuthor(id=f"{URL}#ann", name="Ann B.", url=f"{URL}#ann"),
    )


def test_the_same_review_described_twice_is_one() -> None:
    assert texts(items(a_review(), {"@type": "Product", "review": [a_review()]})) == [
        "Bett zu kurz"
    ]


def test_a_time_in_words_is_no_time_rather_than_a_wrong_one() -> None:
    for written in ("vor 2 Tagen", "gestern", "2 days ago", "09/18/2026", ""):
        (item,) = items(a_review(datePublished=written))
        assert item.published is None
    (item,) = items(a_review(datePublished="18. September 2026"))
    assert item.published == parse_date("2026-09-18")


def test_a_mark_for_the_whole_counts_more_than_one_for_an_aspect() -> None:
    marks = [{"reviewAspect": "Lage", "ratingValue": 5}, {"ratingValue": 1}]
    (item,) = items(a_review(reviewRating=marks))
    assert item.rating == Rating(value=1, best=5)


def test_a_discussion_is_read_with_its_nested_answers() -> None:
    discussion = {
        "@type": "DiscussionForumPosting",
        "url": URL,
        "headline": "Bremse quietscht",
        "text": "Seit gestern.",
        "author": {"name": "Ann"},
        "datePublished": "2026-09-18T08:00:00Z",
        "interactionStatistic": [
            {"interactionType": "https://schema.org/LikeAction", "userInteractionCount": 4},
            {"interactionType": {"@type": "CommentAction"}, "userInteractionCount": "2"},
        ],
        "comment": {
            "@type": "Comment",
            "@id": "#p2",
            "text": "Bei mir auch",
            "comment": [{"@type": "Comment", "@id": "#p3", "text": "Rückruf?"}],
        },
    }
    post, reply, nested = items(discussion)
    assert (post.kind, post.title, post.name) == ("post", "Bremse quietscht", URL)
    assert post.engagement == Engagement(likes=4, replies=2)
    assert (reply.kind, reply.thread, reply.in_reply_to) == ("reply", URL, URL)
    assert (nested.kind, nested.thread, nested.in_reply_to) == ("reply", URL, f"{URL}#p2")


def test_a_question_is_read_with_all_its_answers() -> None:
    page = {
        "@type": "QAPage",
        "mainEntity": {
            "@type": "Question",
            "name": "Hält die Bremse?",
            "answerCount": 2,
            "upvoteCount": 7,
            "acceptedAnswer": {"@type": "Answer", "text": "Nein", "upvoteCount": 3},
            "suggestedAnswer": [{"@type": "Answer", "text": "Doch"}],
        },
    }
    question, accepted, suggested = items(page)
    assert (question.kind, question.text) == ("question", "Hält die Bremse?")
    assert question.engagement == Engagement(likes=7, replies=2)
    assert (accepted.kind, accepted.text, accepted.in_reply_to) == ("answer", "Nein", question.name)
    assert (suggested.text, suggested.thread) == ("Doch", question.name)


def test_frequent_questions_are_the_companys_own_text() -> None:
    question = {"@type": "Question", "name": "Wie?", "acceptedAnswer": {"text": "So."}}
    assert items({"@type": "FAQPage", "mainEntity": [question]}) == ()


def test_an_article_is_read_with_its_comments_and_without_its_citations() -> None:
    article = {
        "@type": ["NewsArticle", "Thing"],
        "headline": "Acme ruft zurück",
        "articleBody": "Alle Räder.",
        "citation": {"@type": "Article", "headline": "Altes"},
        "comment": {"@type": "Comment", "text": "Endlich"},
    }
    found = items(article)
    assert [(item.kind, item.text) for item in found] == [
        ("article", "Alle Räder."),
        ("comment", "Endlich"),
    ]


MICRODATA = """
<div itemscope itemtype="https://schema.org/Product"><span itemprop="name">Rad</span>
<div itemprop="aggregateRating" itemscope itemtype="https://schema.org/AggregateRating">
<span itemprop="ratingValue">4</span></div>
<div itemprop="review" itemscope itemtype="http://schema.org/Review" itemid="/r/1">
<b itemprop="author">Ann</b><time itemprop="datePublished">18.09.2026</time>
<div itemprop="reviewRating" itemscope itemtype="https://schema.org/Rating">
<meta itemprop="ratingValue" content="1"><meta itemprop="bestRating" content="5"></div>
<p itemprop="reviewBody">Kette<br>gerissen<script>x()</script></p></div></div>
"""


def test_microdata_is_read_where_there_is_no_json_ld() -> None:
    (item,) = items(body=MICRODATA)
    assert (item.name, item.kind, item.text) == (
        "https://portal.example/r/1",
        "review",
        "Kette\ngerissen",
    )
    assert (item.author, item.rating) == (PostAuthor(name="Ann"), Rating(value=1, best=5))
    assert item.published == parse_date("2026-09-18")


def test_microdata_is_left_alone_where_json_ld_says_it_all() -> None:
    assert texts(items(a_review("aus JSON-LD"), body=MICRODATA)) == ["aus JSON-LD"]


SELECTED = """
<base href="https://cdn.example/"><div class="r" data-id="77"><h3>Nie wieder</h3>
<span class="who">Ann</span> <time datetime="2026-09-18T08:00:00Z">vor 2 Stunden</time>
<i class="stars" title="1,5 von 5 Sternen"></i><div class="t"><p>Zu kurz<p>und kalt</div>
<a class="more" href="r/77">mehr</a></div><div class="r"><div class="t"></div></div>
<a rel="next" href="?p=2">weiter</a>
"""
SELECT = Select(
    item="div.r",
    text=".t",
    title="h3",
    author=".who",
    date="time",
    link="a.more",
    rating="i.stars@title",
    id="@data-id",
    kind="review",
)


def test_where_nothing_is_described_posts_stand_where_the_configuration_says() -> None:
    content = parsed(a_page(body=SELECTED), SELECT, "a[rel=next]")
    assert content == Content(
        items=(
            Item(
                name="77",
                kind="review",
                link="https://cdn.example/r/77",
                title="Nie wieder",
                text="Zu kurz\nund kalt",
                author=PostAuthor(name="Ann"),
                published=parse_date("2026-09-18T08:00:00Z"),
                lang="de",
                rating=Rating(value=1.5, best=5),
            ),
        ),
        next="https://cdn.example/?p=2",
        is_described=False,
    )


def test_places_are_the_last_resort_but_an_article_alone_is_not_enough() -> None:
    described = parsed(a_page(a_review(), body=SELECTED), SELECT)
    assert texts(described.items) == ["Bett zu kurz"]
    article = {"@type": "Article", "headline": "Test"}
    both = parsed(a_page(article, body=SELECTED), SELECT)
    assert texts(both.items) == ["Test", "Zu kurz\nund kalt"]


def test_an_edited_review_without_an_id_keeps_its_name() -> None:
    stable = {"author": "Ann", "datePublished": "2026-09-18"}
    (before,) = items(a_review("gut", **stable))
    (after,) = items(a_review("doch schlecht", **stable))
    assert (before.name, before.text != after.text) == (after.name, True)


def test_reviews_that_cannot_be_told_apart_by_name_are_told_by_their_text() -> None:
    stable = {"author": "Ann", "datePublished": "2026-09-18", "url": URL}
    found = items(a_review("eins", **stable), a_review("zwei", **stable))
    assert len({item.name for item in found}) == 2


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "kein HTML", "<html></html>", "<html><body><p>nichts</html>", "<!--"]
)
def test_a_page_without_anything_is_empty(text: str) -> None:
    assert parsed(text) == Content()


@pytest.mark.parametrize(
    "block",
    [
        "[[[[1]]]]",
        '"text"',
        "null",
        '{"@type": 7, "review": "x"}',
        '{"@type": "Review", "@id": "/\\ud800", "name": "a\\u0000", "author": "\\ud800"}',
        '{"@type": ["Review", null, {}], "reviewBody": {"a": [1]}, "author": [[]]}',
        '{"@type": "Review", "reviewBody": ["", 12.5], "reviewRating": [1, {"ratingValue": {}}]}',
        '{"@type": "Review", "reviewBody": "x", "url": "http://[", "author": {"url": "http://["}}',
        "[" * 50_000,
        '{"@type":"Review","comment":' * 800 + "1" + "}" * 800,
        '{"@type":"' + "a" * 1_000_000 + '"}',
    ],
)
def test_whatever_is_described_reading_it_never_fails(block: str) -> None:
    content = parsed(a_page(block, a_review("heil")))
    assert texts(content.items)[-1] == "heil"


async def test_the_encoding_a_page_declares_counts_where_the_server_names_none() -> None:
    text = '<html><head><meta charset="iso-8859-2"></head><body><p>Żółw gryzie</p></body></html>'
    select = Select(item="body", text="p")
    content = await read_page(text.encode("iso-8859-2"), "text/html", URL, Unconfined(), select)
    assert texts(content.items) == ["Żółw gryzie"]
