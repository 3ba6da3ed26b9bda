from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from libs.common.bus import TopicPartition
from libs.common.bus.sharing import fair_owners

MEMBERS = st.sets(st.sampled_from("abcdef"), min_size=1)
PLACES = st.sets(st.builds(TopicPartition, st.sampled_from(["x", "y"]), st.integers(0, 9)))
BOTH = frozenset({"x", "y"})


def places(topic: str, count: int) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for number in range(count)]


def test_one_member_owns_all() -> None:
    assert fair_owners({"a": BOTH}, places("x", 3), {}) == dict.fromkeys(places("x", 3), "a")


def test_a_new_member_gets_its_share_and_the_rest_stays() -> None:
    owners = dict.fromkeys(places("x", 4), "a")
    target = fair_owners({"a": BOTH, "b": BOTH}, owners, owners)
    assert Counter(target.values()) == {"a": 2, "b": 2}


def test_what_a_lost_member_owned_goes_to_the_others() -> None:
    owners = dict(zip(places("x", 6), "aabbcc", strict=True))
    target = fair_owners({"a": BOTH, "b": BOTH}, owners, owners)
    assert Counter(target.values()) == {"a": 3, "b": 3}
    assert all(target[place] == owner for place, owner in owners.items() if owner != "c")


def test_members_get_only_topics_that_they_read() -> None:
    topics = {"a": frozenset({"x"}), "b": BOTH, "c": frozenset({"y"})}
    target = fair_owners(topics, [*places("x", 4), *places("y", 4), *places("z", 1)], {})
    assert {place.topic for place in target} == {"x", "y"}
    assert all(place.topic in topics[owner] for place, owner in target.items())
    assert max(Counter(target.values()).values()) == 3


@given(MEMBERS, PLACES, st.data())
def test_shares_differ_by_one_at_most_and_nobody_moves_without_need(
    members: set[str], partitions: set[TopicPartition], data: st.DataObject
) -> None:
    owners = data.draw(
        st.dictionaries(st.sampled_from(sorted(partitions)), st.sampled_from("abcdef"))
        if partitions
        else st.just({})
    )
    target = fair_owners(dict.fromkeys(members, BOTH), partitions, owners)
    count = Counter(target.values())
    shares = [count[member] for member in members]
    assert target.keys() == partitions
    assert max(shares) - min(shares) <= 1
    kept = {place: owner for place, owner in owners.items() if owner in members}
    moved = [place for place, owner in kept.items() if target[place] != owner]
    before = Counter(kept.values())
    assert len(moved) == sum(max(0, before[member] - count[member]) for member in members)


@given(MEMBERS, PLACES)
def test_a_fair_share_stays_as_it_is(members: set[str], partitions: set[TopicPartition]) -> None:
    topics = dict.fromkeys(members, BOTH)
    target = fair_owners(topics, partitions, {})
    assert fair_owners(topics, partitions, target) == target
