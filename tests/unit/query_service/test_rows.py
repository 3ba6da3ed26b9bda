from datetime import timedelta
from typing import Any

import msgspec

from libs.common.events import (
    Author,
    ClassifiedMention,
    Engagement,
    Label,
    Rating,
    to_json,
)
from services.query.rows import (
    Draft,
    Known,
    Row,
    StoredEvent,
    changes,
    draft,
    mention_of,
    microseconds,
    moment,
    row_of,
    successor,
)
from tests.unit.query_service.building import NOON, a_correction, a_deletion, a_mention

MINUTE = timedelta(minutes=1)


def known(row: Row) -> Known:
    return Known(row.id, 7, row.collected_at, row.deleted_at, row.body)


def drafts(*events: StoredEvent) -> list[Draft]:
    return [draft(event) for event in events]


def test_the_columns_hold_what_the_query_language_compares() -> None:
    mention = a_mention(
        source="BikeForum",
        lang="de-AT",
        rating=Rating(value=8, best=10),
        engagement=Engagement(views=5000),
    )
    row = row_of(mention)
    assert row == Row(
        id=mention.id,
        seq=0,
        watch="motorrad-ag",
        source="bikeforum",
        platform="discourse",
        kind="post",
        label="complaint",
        lang="de",
        severity=0.4,
        reach=5000.0,
        rating=4.0,
        author_key="a" * 32,
        published_at=microseconds(mention.published_at),
        collected_at=microseconds(mention.collected_at),
        deleted_at=None,
        body=to_json(mention),
    )


def test_a_stored_body_is_the_whole_mention() -> None:
    mention = a_mention(text="Größe 👍")
    body = row_of(mention).body
    assert body is not None
    assert mention_of(body) == mention


def test_microseconds_are_exact() -> None:
    assert microseconds(NOON + timedelta(microseconds=1)) - microseconds(NOON) == 1


def test_a_repeat_changes_nothing() -> None:
    mention = a_mention()
    assert successor(known(row_of(mention)), draft(mention)) is None


def test_a_later_version_replaces_an_earlier_one() -> None:
    edited = a_mention(text="Sie versagt doch nicht.", collected=2 * MINUTE)
    assert successor(known(row_of(a_mention())), draft(edited)) == row_of(edited)


def test_an_earlier_version_that_comes_late_changes_nothing() -> None:
    edited = a_mention(text="Sie versagt doch nicht.", collected=2 * MINUTE)
    assert successor(known(row_of(edited)), draft(a_mention())) is None


def test_a_new_verdict_on_the_same_version_replaces_the_old_one() -> None:
    again = a_mention(label="crisis_candidate")
    assert successor(known(row_of(a_mention())), draft(again)) == row_of(again)


def a_later_verdict(label: Label = "crisis_candidate", **fields: Any) -> ClassifiedMention:
    """The same version of the mention, judged anew."""
    mention = a_mention(label=label, **fields)
    verdict = msgspec.structs.replace(mention.classification, reclassified=True)
    return msgspec.structs.replace(mention, classification=verdict)


def test_a_later_verdict_replaces_the_former_one() -> None:
    made = successor(known(row_of(a_mention())), draft(a_later_verdict()))
    assert made == row_of(a_mention(label="crisis_candidate"))


def test_the_same_verdict_later_changes_nothing() -> None:
    again = draft(a_later_verdict("complaint"))
    assert successor(known(row_of(a_mention())), again) is None


def test_a_later_verdict_on_an_older_text_changes_nothing() -> None:
    edited = a_mention(text="Sie versagt doch nicht.", collected=2 * MINUTE)
    assert successor(known(row_of(edited)), draft(a_later_verdict())) is None


def test_a_later_verdict_brings_back_neither_what_is_deleted_nor_what_is_unknown() -> None:
    mention = a_mention()
    deleted = successor(None, draft(a_deletion(mention, after=-2 * MINUTE)))
    assert deleted is not None
    assert successor(known(deleted), draft(a_later_verdict())) is None
    assert successor(None, draft(a_later_verdict())) is None


def test_a_persons_label_holds_over_edits_and_later_verdicts() -> None:
    mention = a_mention()
    marks = {mention.id: a_correction("praise").mark}
    edited = a_mention(text="Ein neuer Text", collected=2 * MINUTE)
    again = a_later_verdict(text="Ein neuer Text", collected=2 * MINUTE)
    before = {mention.id: known(row_of(mention))}
    for events in ([edited], [edited, again]):
        [change] = changes(before, drafts(*events), marks)
        assert (change.row.label, change.row.severity) == ("praise", 0.0)
        assert change.row.body is not None
        assert mention_of(change.row.body).classification.label == events[-1].classification.label


def test_a_tombstone_has_no_label_whoever_gave_one() -> None:
    mention = a_mention()
    before = {mention.id: known(row_of(mention))}
    marks = {mention.id: a_correction("praise").mark}
    [change] = changes(before, drafts(a_deletion(mention)), marks)
    assert (change.row.label, change.row.severity) == (None, None)


def test_microseconds_lead_back_to_the_time() -> None:
    at = NOON + timedelta(microseconds=7)
    assert moment(microseconds(at)) == at


def test_a_tombstone_says_nothing_of_what_was_said() -> None:
    mention = a_mention(text="Geheimnis", rating=Rating(value=1, best=5))
    deletion = a_deletion(mention)
    row = successor(known(row_of(mention)), draft(deletion))
    assert row is not None
    kept = {name: value for name, value in row._asdict().items() if value is not None}
    deleted_at = microseconds(deletion.deleted_at)
    assert kept == {
        "id": mention.id,
        "seq": 0,
        "watch": "motorrad-ag",
        "source": "bikeforum",
        "platform": "discourse",
        "published_at": deleted_at,
        "collected_at": deleted_at,
        "deleted_at": deleted_at,
    }


def test_what_was_deleted_stays_forgotten_when_a_copy_comes_late() -> None:
    mention = a_mention()
    [change] = changes({}, drafts(mention, a_deletion(mention), mention))
    assert change.row.body is None
    assert change.words is None


def test_a_platform_clock_that_lags_does_not_bring_a_deleted_mention_back() -> None:
    mention = a_mention()
    deletion = a_deletion(mention, after=-MINUTE)
    [change] = changes({}, drafts(mention, deletion, mention))
    assert change.row.body is None


def test_a_deletion_that_comes_first_holds() -> None:
    mention = a_mention()
    [change] = changes({}, drafts(a_deletion(mention), mention))
    assert change.row.deleted_at is not None


def test_a_mention_that_the_source_shows_again_comes_back() -> None:
    mention = a_mention()
    shown_again = msgspec.structs.replace(
        mention, collected_at=mention.collected_at + timedelta(days=1)
    )
    [change] = changes({}, drafts(mention, a_deletion(mention), shown_again))
    assert change.row == row_of(shown_again)


def test_a_repeated_deletion_changes_nothing() -> None:
    mention = a_mention()
    [change] = changes({}, drafts(mention, a_deletion(mention)))
    assert changes({mention.id: known(change.row)}, drafts(a_deletion(mention))) == []


def test_a_batch_writes_each_id_once_in_its_last_state() -> None:
    first, other = a_mention(1), a_mention(2)
    edited = a_mention(1, "Neuer Text", collected=2 * MINUTE)
    written = changes({}, drafts(first, other, edited))
    assert [(change.row.id, change.words) for change in written] == [
        (first.id, "neuer text"),
        (other.id, "die bremse meiner maschine versagt"),
    ]


def test_an_event_with_impossible_values_becomes_a_row_all_the_same() -> None:
    mention = a_mention(
        platform="a\0b",
        lang="de\0",
        author=Author(key="k", followers=10**400),
        engagement=Engagement(views=10**30),
        rating=Rating(value=1e308, best=5e-324),
    )
    row = row_of(mention)
    assert (row.platform, row.lang) == ("a\ufffdb", "de\ufffd")
    assert (row.reach, row.rating) == (2.0**53, 5.0)
