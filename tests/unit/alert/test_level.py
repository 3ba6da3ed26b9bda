"""Which level a story gets, when it rises and when it falls."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alert.detector import Voice
from services.alert.level import Lacking, Levels, Reading, Usual, beyond_chance
from services.alert.level_table import CRITERIA, SHARES, Criterion, Rung, load_levels
from services.alert.storm import Audience, Storm
from tests.unit.alert.storms import LEVELS, NOON, QUIET, Weather, a_voice, an_article

TABLE = load_levels()
PLATFORMS = ("forum", "mastodon", "bluesky", "reddit", "youtube")


class Fixed(Reading):
    """Measures that are given."""

    def __init__(self, values: dict[Criterion, float], usual: Usual = QUIET) -> None:
        super().__init__(Storm(), Audience(), usual)
        self.update({criterion: values.get(criterion, 0.0) for criterion in CRITERIA})


def poisson(mix: random.Random, per_hour: float, begin: float, end: float) -> Iterator[float]:
    """Minutes of events that come at this rate."""
    minute = begin
    while (minute := minute + mix.expovariate(per_hour / 60)) < end:
        yield minute


def a_storm_of(
    per_hour: float,
    usual: Usual,
    *,
    platforms: int = 1,
    press: int = 0,
    abusive: float = 0.0,
    repeats: float = 0.0,
    hours: float = 4.0,
    others: float | None = None,
    seed: int = 1,
) -> Weather:
    """Critical voices at this rate from noon on, among the watch's usual mentions (`others`)."""
    mix = random.Random(seed)
    weather, people = Weather(usual), list[int]()
    events: list[tuple[float, Voice | None]] = [
        (minute, None)
        for minute in poisson(mix, usual.per_hour if others is None else others, -60, 60 * hours)
    ]
    for minute in poisson(mix, per_hour, 0, 60 * hours):
        comes_again = people and mix.random() < repeats
        who = mix.choice(people) if comes_again else mix.getrandbits(64)
        people.append(who)
        platform, insults = mix.choice(PLATFORMS[:platforms]), mix.random() < abusive
        events.append((minute, a_voice(who, minute=minute, platform=platform, abusive=insults)))
    for number in range(press):
        minute = mix.uniform(20, 60 * hours)
        events.append((minute, an_article(number, minute=minute)))
    for minute, voice in sorted(events, key=lambda event: event[0]):
        if voice is None:
            weather.other(minute)
        else:
            weather.fold(voice)
    return weather


def usual_of(per_hour: float) -> Usual:
    return Usual(per_hour, 0.1, 0.1 * per_hour)


TYPICAL: dict[int, Callable[[float, Usual], Weather]] = {
    3: lambda b, usual: a_storm_of(max(10, b), usual, platforms=3, press=1),
    4: lambda b, usual: a_storm_of(max(30, 3 * b), usual, platforms=5, press=4),
    5: lambda b, usual: a_storm_of(
        max(100, 8 * b), usual, platforms=5, press=12, abusive=0.1, repeats=0.3
    ),
    6: lambda b, usual: a_storm_of(
        max(300, 20 * b), usual, platforms=5, press=25, abusive=0.3, repeats=0.4
    ),
}


@pytest.mark.parametrize("per_hour", [0.5, 5, 60, 300])
@pytest.mark.parametrize("level", TYPICAL)
def test_a_typical_storm_reaches_its_level_and_no_other(level: int, per_hour: float) -> None:
    assert TYPICAL[level](per_hour, usual_of(per_hour)).highest == level


@pytest.mark.parametrize("per_hour", [0.5, 2])
def test_repeated_criticism_by_a_few_is_a_breeze(per_hour: float) -> None:
    weather = a_storm_of(6, usual_of(per_hour), hours=2)
    assert weather.highest == 2


def test_the_first_criticism_is_level_1_and_rests_within_a_day() -> None:
    weather = Weather()
    weather.fold(a_voice(1))
    assert weather.changes == [(0.0, 1)]
    weather.passes(0, 25 * 60)
    assert weather.changes[1:] == [(24 * 60.0, 0)]


def test_a_watch_that_has_twenty_complaints_in_every_hour_rests_at_level_1() -> None:
    usual = Usual(per_hour=40, critical_share=0.5, critical_per_hour=20)
    weather = a_storm_of(20, usual, hours=24 * 10, platforms=4, others=20)
    assert weather.highest == 1


def test_its_real_storms_still_rise() -> None:
    usual = Usual(per_hour=40, critical_share=0.5, critical_per_hour=20)
    assert a_storm_of(140, usual, platforms=5, press=4).highest == 4


@pytest.mark.parametrize("applause", [500, 5000])
@pytest.mark.parametrize("seed", range(3))
def test_good_news_with_a_few_critics_never_reaches_level_2(applause: float, seed: int) -> None:
    critics = 0.05 * applause
    weather = a_storm_of(
        critics, usual_of(20), others=applause, platforms=5, press=6, hours=2, seed=seed
    )
    assert weather.highest == 1


def test_two_who_quarrel_are_no_storm() -> None:
    weather = Weather()
    for minute in range(120):
        weather.fold(a_voice(minute % 2, minute=minute, platform=PLATFORMS[minute % 5]))
    assert weather.highest == 1


def test_a_campaign_of_copies_is_one_voice() -> None:
    weather = Weather()
    for minute in range(200):
        weather.fold(a_voice(7, minute=minute / 4, copied=minute > 0))
    assert weather.highest == 1


def test_a_sudden_rush_is_noticed_within_minutes() -> None:
    weather = Weather(usual_of(60))
    for minute in range(-60, 0):
        weather.other(minute)
    for number in range(30):
        weather.other(number / 3)
        weather.fold(a_voice(number, minute=number / 3))
    assert next(minute for minute, level in weather.changes if level >= 2) <= 5


def risen(voices: int = 40) -> Weather:
    """A story that has risen to level 4 within ten minutes."""
    weather = Weather()
    for number in range(voices):
        weather.fold(
            a_voice(number, minute=number / 4, platform=PLATFORMS[number % 5], abusive=False)
        )
    assert weather.level == 4
    return weather


def test_it_rises_at_once_and_falls_one_level_at_a_time() -> None:
    weather = risen()
    weather.passes(10, 48 * 60)
    falls = [change for change in weather.changes if change[0] > 10]
    assert [level for _, level in falls] == [3, 2, 1, 0]
    minutes = [minute for minute, _ in falls]
    assert 60 + 180 <= minutes[0] <= 70 + 180
    assert minutes[1] - minutes[0] == pytest.approx(120, abs=5)
    assert minutes[2] - minutes[1] == pytest.approx(60, abs=5)


def test_hours_without_any_mention_count_as_calm() -> None:
    weather = risen()
    weather.other(10 + 60 + 180 + 1)
    assert weather.level == 3
    weather.other(10 + 60 + 180 + 120 + 60 + 5)
    assert weather.level == 1


def test_a_number_that_dances_around_its_bar_does_not_make_the_level_flicker() -> None:
    mix = random.Random(4)
    weather = Weather(usual_of(10))
    for minute in poisson(mix, 7, 0, 60 * 48):
        weather.fold(a_voice(mix.getrandbits(64), minute=minute, platform=mix.choice(PLATFORMS)))
    levels = [level for _, level in weather.changes]
    assert 3 in levels
    assert len(levels) <= 20


def test_while_a_level_only_lasts_because_it_falls_slowly_its_evidence_says_so() -> None:
    weather = risen()
    assert weather.grade().holds
    weather.passes(10, 120)
    assert weather.level == 4
    assert not weather.grade().holds


@st.composite
def a_story(draw: st.DrawFn) -> list[Voice]:
    minute, voices = 0.0, []
    for _ in range(draw(st.integers(0, 80))):
        minute += draw(st.sampled_from((0, 0, 0.2, 0.5, 2, 30, 400)))
        voices.append(
            a_voice(
                draw(st.integers(0, 60)),
                minute=max(0.0, minute - draw(st.sampled_from((0, 0, 0, 50)))),
                platform=draw(st.sampled_from(PLATFORMS)),
                kind=draw(st.sampled_from(("post", "post", "post", "article"))),
                abusive=draw(st.booleans()),
            )
        )
    return voices


@given(a_story())
def test_one_more_voice_never_lowers_the_level_at_the_same_moment(voices: list[Voice]) -> None:
    weather = Weather()
    for number, voice in enumerate(voices):
        weather.other(max(0.0, (voice.at - NOON) / 60))
        before = weather.level
        weather.fold(msgspec.structs.replace(voice, who=1000 + number))
        assert weather.level >= before


@given(a_story(), st.integers(0, 80))
@settings(max_examples=60)
def test_written_and_read_at_any_event_it_gives_the_same_levels(
    voices: list[Voice], cut: int
) -> None:
    whole, split = Weather(), Weather()
    for number, voice in enumerate(voices):
        if number == cut:
            split.storm = msgspec.msgpack.decode(msgspec.msgpack.encode(split.storm), type=Storm)
            packed = msgspec.msgpack.encode(split.audience)
            split.audience = msgspec.msgpack.decode(packed, type=Audience)
        assert split.fold(voice) == whole.fold(voice)
    assert split.changes == whole.changes


SOME_MEASURES = st.fixed_dictionaries(
    {
        criterion: st.sampled_from((0.0, 0.05, 0.1, 0.2, 0.5, 1.0))
        if criterion in SHARES
        else st.sampled_from((0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 20.0, 60.0, 200.0))
        for criterion in CRITERIA
    }
)
USUALS = st.builds(
    Usual,
    st.sampled_from((0.0, 0.1, 5.0, 100.0)),
    st.sampled_from((0.0, 0.1, 0.9)),
    st.sampled_from((0.0, 0.01, 2.0, 30.0)),
)


@given(SOME_MEASURES, st.sampled_from(CRITERIA), USUALS)
def test_more_of_anything_never_lowers_the_level(
    measures: dict[Criterion, float], criterion: Criterion, usual: Usual
) -> None:
    more = measures | {criterion: 1.0 if criterion in SHARES else measures[criterion] + 1}
    assert LEVELS.highest(Fixed(more, usual)) >= LEVELS.highest(Fixed(measures, usual))


@given(SOME_MEASURES, USUALS)
def test_it_is_the_highest_level_that_lacks_nothing(
    measures: dict[Criterion, float], usual: Usual
) -> None:
    reading = Fixed(measures, usual)

    def lacks(level: int) -> Lacking:
        return LEVELS.lacking(level, lambda name: LEVELS.reached(level, name, reading))

    full = [level for level in range(1, 7) if not lacks(level).steps]
    if measures["voices"] < TABLE.fewest_voices:
        full = [level for level in full if level < 2]
    assert LEVELS.highest(reading) == max(full, default=0)


@pytest.mark.parametrize("rung", TABLE.levels, ids=lambda rung: f"level-{rung.level}")
def test_each_criterion_alone_can_be_what_is_missing(rung: Rung) -> None:
    everything = frozenset(CRITERIA)
    for missing, _ in rung.all_.asked():
        reached = everything - {missing}
        assert LEVELS.lacking(rung.level, reached.__contains__) == Lacking(all=(missing,))
    if rung.some is None:
        return
    choice = [name for name, _ in rung.some.of.asked()]
    for missing in choice:
        held = [name for name in choice if name != missing][: rung.some.at_least - 1]
        absent = tuple(name for name in choice if name not in held)
        reached = everything - set(absent)
        assert missing in absent
        assert LEVELS.lacking(rung.level, reached.__contains__) == Lacking(some=absent, count=1)


def test_a_count_beyond_chance_grows_more_slowly_than_what_is_usual() -> None:
    assert beyond_chance(0.0, 4) == 1
    assert beyond_chance(9.0, 4) == 9 + 12 + 2.5
    assert beyond_chance(10_000.0, 4) == pytest.approx(10_402.5)


@pytest.mark.parametrize(("expected", "scatter"), [(0.05, 0.0), (0.3, 0.0), (0.3, 1.5), (2.5, 0.4)])
def test_where_few_are_expected_chance_is_reckoned_exactly(expected: float, scatter: float) -> None:
    rng = np.random.default_rng(7)
    means = rng.gamma(1 / scatter, scatter * expected, 2_000_000) if scatter else expected
    drawn = rng.poisson(means, 2_000_000)
    bar = beyond_chance(expected, 3, scatter)
    assert (drawn >= bar).mean() <= 0.00135 * 1.1
    assert (drawn >= bar - 1).mean() > 0.00135 * 0.9


def test_the_grade_gives_each_criterion_with_both_bars() -> None:
    grade = risen().grade()
    voices = grade.measured("voices")
    assert (voices.value, voices.needed, voices.next, voices.holds) == (40.0, 18.0, 55.0, True)
    press = grade.measured("press")
    assert (press.value, press.needed, press.next, press.holds) == (0.0, 3.0, 8.0, False)
    assert [measure.name for measure in grade.measures] == list(CRITERIA)
    assert grade.missing == Lacking(all=("voices",))


def test_a_grade_is_given_only_when_the_level_changes() -> None:
    weather = Weather()
    grades = [weather.fold(a_voice(number, minute=number)) for number in range(5)]
    assert [grade.level if grade else None for grade in grades] == [1, None, 2, None, None]


def test_another_table_gives_other_levels() -> None:
    patient = TABLE.model_copy(update={"fewest_voices": 30})
    weather = Weather(levels=Levels(patient))
    for number in range(29):
        weather.fold(a_voice(number, minute=number / 4, platform=PLATFORMS[number % 5]))
    assert weather.highest == 1
