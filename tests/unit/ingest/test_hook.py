"""What is left of changes once their order is known."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.hook import Change, Memory, Settled, settled
from services.ingest.post import Deletion, Post
from tests.unit.ingest.building import NOW, a_post


def at(minute: int) -> datetime:
    return NOW + timedelta(minutes=minute)


def written(text: str = "neu", minute: int = 0, name: str = "1") -> Change:
    return Change(a_post(native_id=name, text=text), at(minute))


def edited(text: str, minute: int, name: str = "1") -> Change:
    return Change(a_post(native_id=name, text=text, edited_at=at(minute)), at(minute))


def deleted(minute: int, name: str = "1") -> Change:
    return Change(Deletion("forum", name, at(minute)), at(minute))


def one_by_one(*changes: Change) -> Settled:
    """Each in a delivery of its own; what the last one came to."""
    found = Settled((), (), Memory())
    for change in changes:
        found = settled([change], found.memory)
    return found


def texts(found: Settled) -> list[str]:
    return [post.text for post in found.posts]


def test_of_one_delivery_the_last_state_counts() -> None:
    assert texts(settled([edited("zuletzt", 2), written("zuerst")], Memory())) == ["zuletzt"]
    found = settled([deleted(2), edited("dazwischen", 1), written()], Memory())
    assert (found.posts, [each.native_id for each in found.deletions]) == ((), ["1"])


def test_an_older_version_that_comes_late_is_left_out() -> None:
    assert texts(one_by_one(edited("neuer", 2), edited("älter", 1))) == []
    assert texts(one_by_one(edited("neuer", 2), written("älter"))) == []


def test_what_was_deleted_stays_deleted() -> None:
    found = one_by_one(deleted(5), written(minute=0))
    assert (found.posts, found.deletions) == ((), ())


def test_of_two_changes_in_the_same_second_the_deletion_holds() -> None:
    for changes in ([deleted(3), written(minute=3)], [written(minute=3), deleted(3)]):
        assert settled(changes, Memory()).posts == ()
        assert texts(one_by_one(*changes)) == []


def test_what_is_shown_again_later_comes_again() -> None:
    assert texts(one_by_one(deleted(3), written("wieder da", 4))) == ["wieder da"]


def test_a_repeat_comes_again_since_the_first_may_not_have_reached_the_log() -> None:
    assert texts(one_by_one(edited("gleich", 2), edited("gleich", 2))) == ["gleich"]
    assert len(one_by_one(deleted(2), deleted(2)).deletions) == 1


def test_others_of_the_same_id_elsewhere_are_others() -> None:
    other = Change(a_post(platform="blog", native_id="1", text="anderswo"), at(0))
    assert texts(one_by_one(deleted(5), other)) == ["anderswo"]


def test_without_a_time_everything_is_news() -> None:
    change = Change(a_post(native_id="1", text="ohne Zeit"))
    found = one_by_one(deleted(5), change)
    assert texts(found) == ["ohne Zeit"]


def test_the_memory_is_bounded_and_keeps_the_newest() -> None:
    memory = settled([deleted(minute, str(minute)) for minute in range(2500)], Memory()).memory
    assert len(memory.changed) == 2000
    assert "forum 2499" in memory.changed
    assert "forum 499" not in memory.changed


@given(st.permutations([written("a", 0), edited("b", 1), edited("c", 2), edited("d", 3)]))
def test_in_whatever_order_versions_come_the_newest_is_the_last_published(
    changes: list[Change],
) -> None:
    memory, standing = Memory(), ""
    for change in changes:
        found = settled([change], memory)
        memory = found.memory
        standing = next((post.text for post in found.posts), standing)
    assert standing == "d"


@given(st.permutations([written("a", 0), edited("b", 1), deleted(2)]))
def test_in_whatever_order_they_come_a_deleted_post_is_not_left_standing(
    changes: list[Change],
) -> None:
    memory = Memory()
    standing: list[Post] = []
    for change in changes:
        found = settled([change], memory)
        memory = found.memory
        standing = [] if found.deletions else [*standing, *found.posts]
    assert standing == []
