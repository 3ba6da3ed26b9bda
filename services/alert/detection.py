"""From a classified mention to signals: every detector, the rules, the story and its level.

Pure: the same mentions in the same order give the same signals, in whatever batches they come, and
from whatever state they were saved in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from libs.common.events import ClassifiedMention, Measured
from libs.common.settings import Language
from services.alert.abuse import load_abuse
from services.alert.detector import Blindness, DetectorName, Finding, Voice
from services.alert.detectors.campaign import Copy
from services.alert.detectors.danger import may_be_grave
from services.alert.evidence import in_short
from services.alert.finding_texts import sentence
from services.alert.incident import OPENS_FROM
from services.alert.kept import Kept, campaign_theme
from services.alert.level import Levels
from services.alert.playbook import CAMPAIGN, GENERAL, Playbooks
from services.alert.rules import Rules
from services.alert.signal import BEFORE, HINT, LEVEL, Signal
from services.alert.storm import NEVER, Storm
from services.alert.story import Story
from services.alert.texts import texts
from services.alert.voice import CRITICAL, author_of, news_at, voice_of
from services.alert.watch import WatchState

LEVELS: Final[Mapping[DetectorName, int]] = {
    "danger": 3,
    "big_voice": 2,
    "worry": 1,
    "campaign": 1,
    "burst": 1,
    "tone": 1,
    "spread": 1,
}
"""What a finding says of the level by itself. A danger is one at once; what only counts opens a
quiet incident, for the list: the measured level decides whether it wakes anybody."""
REMINDS_MINUTES: Final = 6 * 60
"""So often a level that holds is signalled again: somebody may have ended its incident too soon."""
KEPT_VOICES: Final = 1000
"""Of a story; the newest of a larger one are counted, and no longer kept one by one."""


class Heard(NamedTuple):
    """What became of a mention.

    signals: the loudest first. kept: the voice, where it belongs to a story or a campaign. again:
    it was heard before; what it signals is an edit's.
    """

    signals: tuple[Signal, ...] = ()
    kept: Kept | None = None
    again: bool = False


NOTHING: Final = Heard()
_NO_THEMES: Final[Mapping[str, str]] = {}
_NOTHING_MEASURED: Final[Mapping[str, float]] = {}


class Detection:
    """Everything that watches, put together.

    names: of the watches, by id; language: of headlines and reasons; zone: tells odd hours.
    """

    def __init__(
        self,
        rules: Rules,
        levels: Levels,
        playbooks: Playbooks,
        names: Mapping[str, str],
        language: Language,
        zone: ZoneInfo,
    ) -> None:
        self._rules = rules
        self._levels = levels
        self._playbooks = playbooks
        self._names = names
        self._language = language
        self._zone = zone
        self._abuse = load_abuse()

    def hear(
        self,
        state: WatchState,
        mention: ClassifiedMention,
        blindness: Blindness,
        themes: Mapping[str, str] = _NO_THEMES,
    ) -> Heard:
        """Folds the mention into the state of its watch.

        themes: of the unresolved incidents that mentions are evidence of already, by mention. What
        was heard before is folded no second time; an edit may only say something graver.
        """
        if mention.classification.reclassified:
            return NOTHING
        collected, clock = mention.collected_at.timestamp(), state.clock
        if collected > clock:
            state.clock = clock = collected
        known = not state.seen.is_new(mention.id, clock)
        grave = may_be_grave(mention) and state.seen.is_new(f"!{mention.id}", clock)
        at = news_at(mention, collected, clock)
        if at is None:
            return NOTHING
        if known:
            return self._again(state, mention, at, grave, themes.get(mention.id))
        return self._fresh(state, mention, at, blindness)

    def _again(
        self,
        state: WatchState,
        mention: ClassifiedMention,
        at: float,
        grave: bool,
        theme: str | None,
    ) -> Heard:
        """grave: it says something grave, and did not before."""
        signal = self._rules.signal(mention)
        signals = [] if signal is None else [self._placed(signal, theme)]
        voice = voice_of(mention, at, author_of(mention), copied=False, abusive=False)
        finding = state.danger.fold(voice) if grave else None
        if finding is not None:
            story = state.stories.place(voice, self._playbook(voice))
            signals.append(self._noticed(finding, mention, theme or story.key, story.playbook))
        return Heard(tuple(_loudest(signals)), again=True) if signals else NOTHING

    def _fresh(
        self, state: WatchState, mention: ClassifiedMention, at: float, blindness: Blindness
    ) -> Heard:
        copy = state.campaign.fold(mention, at, self._zone)
        voice = self._voice(mention, at, copy)
        findings = _findings(state, voice, blindness)
        ruled = self._rules.signal(mention)
        story, signals = None, list[Signal]()
        if voice.critical or findings or ruled is not None:
            story = state.stories.place(voice, self._playbook(voice), copy.cluster)
            signals = self._told(state, voice, story, findings, ruled)
        else:
            state.stories.learn(mention)
        state.audience.heard(at)
        if state.stories.running:
            state.usual(at)
            if story is not None or at >= 60.0 * state.looks:
                signals += self._graded(state, voice, story)
        if copy.finding is not None:
            signals.append(self._campaign(copy.finding, mention, copy))
        if story is None and copy.cluster is None:
            return Heard(tuple(_loudest(signals))) if signals else NOTHING
        kept = _kept(mention, story, copy, bool(signals))
        return Heard(tuple(_loudest(signals)) if signals else (), kept)

    def _told(
        self,
        state: WatchState,
        voice: Voice,
        story: Story,
        findings: tuple[Finding, ...],
        ruled: Signal | None,
    ) -> list[Signal]:
        """Folds a voice that was placed in a story; gives what is to be told of it, but for the
        story's level."""
        mention = voice.mention
        signals = [self._over(key, before, mention) for key, before in _ended(state)]
        if ruled is not None:
            signals.append(self._placed(ruled, story.key))
        calm, usual = _is_calm(state), state.usual_of(story, voice.at)
        strand = not calm and not _is_storm(state, story)
        spread = state.spread.fold(voice, story.key, usual, strand=strand)
        findings += () if spread is None else (spread,)
        signals += (self._noticed(each, mention, story.key, story.playbook) for each in findings)
        _storm(state, story).fold(voice)
        if voice.critical and calm:
            state.subjects.learn(story.playbook)
        return signals

    def _voice(self, mention: ClassifiedMention, at: float, copy: Copy) -> Voice:
        who = author_of(mention) if copy.cluster is None else copy.cluster
        critical = mention.classification.label in CRITICAL
        abusive = critical and self._abuse.is_in(mention.text)
        return voice_of(mention, at, who, copy.copied, abusive)

    def _playbook(self, voice: Voice) -> str:
        return self._playbooks.for_cues(voice.themes, voice.mention.kind).id

    def _placed(self, signal: Signal, theme: str | None) -> Signal:
        """In the incident of its story, unless the rule names another."""
        severity = {"severity": signal.mention.classification.severity}
        if theme is None or self._rules.names_theme(signal.rule):
            return replace(signal, numbers=severity)
        return replace(signal, theme=theme, numbers=severity)

    def _noticed(
        self, finding: Finding, mention: ClassifiedMention, theme: str, playbook: str
    ) -> Signal:
        rule = HINT if finding.detector == "worry" else finding.detector
        return self._signal(
            rule,
            LEVELS[finding.detector],
            theme,
            playbook,
            mention,
            why=sentence(finding.detector, finding.numbers, self._language),
            numbers=_numbers(finding, mention),
        )

    def _graded(self, state: WatchState, voice: Voice, spoken: Story | None) -> Iterator[Signal]:
        """A signal for every story whose level this voice or the time that has passed changed,
        unless it stays below what opens an incident. spoken: the story of the voice.

        Most mentions are neither a story's nor at a time to look: they cost nothing here.
        """
        minute = int(voice.at // 60)
        if minute >= state.looks:
            looked_at, state.looks = state.stories.running, NEVER
        elif spoken is not None:
            looked_at = [spoken]
        else:
            return
        for story in looked_at:
            storm = state.storms.get(story.key)
            if storm is None:
                continue
            if storm.due(minute):
                signal = self._regraded(state, voice, story, storm)
                if signal is not None:
                    yield signal
            if storm.looks < state.looks:
                state.looks = storm.looks

    def _regraded(
        self, state: WatchState, voice: Voice, story: Story, storm: Storm
    ) -> Signal | None:
        before = storm.level
        usual = state.usual_of(story, voice.at)
        grade = self._levels.judge(storm, state.audience, usual, voice.at)
        if grade is None and before >= OPENS_FROM and storm.now - storm.told >= REMINDS_MINUTES:
            grade = self._levels.grade(storm, state.audience, usual, voice.at)
            grade = grade if grade.holds else None
        if grade is None or max(before, grade.level) < OPENS_FROM:
            return None
        storm.told = storm.now
        return self._signal(
            LEVEL,
            grade.level,
            story.key,
            story.playbook,
            voice.mention,
            why=in_short(grade, self._language, self._levels.table),
            numbers={BEFORE: float(before)},
            measures=grade.measures,
        )

    def _over(self, theme: str, before: int, mention: ClassifiedMention) -> Signal:
        """A story has ended in silence, before anybody looked at its level again."""
        calm = texts(self._language).levels[0].name
        numbers = {BEFORE: float(before)}
        return self._signal(LEVEL, 0, theme, GENERAL, mention, why=calm, numbers=numbers)

    def _campaign(self, finding: Finding, mention: ClassifiedMention, copy: Copy) -> Signal:
        """An incident of its own: whose copies they are is one question, what they say another."""
        cluster = _name(copy)
        return self._signal(
            "campaign",
            LEVELS["campaign"],
            campaign_theme(cluster),
            CAMPAIGN,
            mention,
            why=sentence("campaign", finding.numbers, self._language),
            numbers=_numbers(finding, mention),
            cluster=cluster,
        )

    def _signal(
        self,
        rule: str,
        level: int,
        theme: str,
        playbook: str,
        mention: ClassifiedMention,
        *,
        why: str,
        numbers: Mapping[str, float] = _NOTHING_MEASURED,
        measures: tuple[Measured, ...] = (),
        cluster: str | None = None,
    ) -> Signal:
        title = self._playbooks.get(playbook).title.in_language(self._language)
        return Signal(
            rule=rule,
            level=level,
            theme=theme,
            playbook=playbook,
            title=f"{self._names.get(mention.watch, mention.watch)}: {title}",
            why=why,
            mention=mention,
            cluster=cluster,
            numbers=numbers,
            measures=measures,
        )


def _numbers(finding: Finding, mention: ClassifiedMention) -> dict[str, float]:
    severity = mention.classification.severity
    return {"severity": severity, **finding.numbers, "surprise": finding.surprise}


def _is_calm(state: WatchState) -> bool:
    """Whether no running story is what somebody would be woken for."""
    return not any(_is_storm(state, story) for story in state.stories.running)


def _is_storm(state: WatchState, story: Story) -> bool:
    storm = state.storms.get(story.key)
    return storm is not None and storm.level >= OPENS_FROM


def _ended(state: WatchState) -> list[tuple[str, int]]:
    """Lets go of the storms of stories that no longer run; those with a level, with that."""
    if len(state.storms) < len(state.stories.running):
        return []
    running = {story.key for story in state.stories.running}
    if running.issuperset(state.storms):
        return []
    ended = [(key, storm.level) for key, storm in state.storms.items() if key not in running]
    for key, _ in ended:
        del state.storms[key]
    return [(key, level) for key, level in ended if level >= OPENS_FROM]


def _storm(state: WatchState, story: Story) -> Storm:
    storm = state.storms.get(story.key)
    if storm is None:
        storm = state.storms[story.key] = Storm()
    return storm


def _findings(state: WatchState, voice: Voice, blindness: Blindness) -> tuple[Finding, ...]:
    """What the detectors noticed that need no story."""
    bursts = state.bursts.fold(voice, blindness)
    tone = state.tone.fold(voice)
    danger = state.danger.fold(voice)
    big = state.big_voice.fold(voice)
    worry = state.worry.fold(voice)
    if not (tone or danger or big or worry):
        return bursts
    found = (tone, danger, big, worry)
    return (*bursts, *(finding for finding in found if finding is not None))


def _loudest(signals: Sequence[Signal]) -> Iterator[Signal]:
    """One mention speaks once, through the strongest of what it raised in an incident; how its
    story was graded comes after."""
    by_level = sorted(signals, key=lambda signal: -signal.level)
    spoken = set[str]()
    for signal in by_level:
        if signal.rule != LEVEL and signal.theme not in spoken:
            spoken.add(signal.theme)
            yield signal
    yield from (signal for signal in by_level if signal.rule == LEVEL)


def _kept(
    mention: ClassifiedMention, story: Story | None, copy: Copy, signals: bool
) -> Kept | None:
    if story is None and copy.cluster is None:
        return None
    so_far = copy.size if story is None else story.total
    if so_far > KEPT_VOICES and not signals:
        return None
    return Kept(
        mention,
        "" if story is None else story.key,
        None if copy.cluster is None else _name(copy),
    )


def _name(copy: Copy) -> str:
    return f"{copy.cluster:012x}"
