"""Which of a watch's critical voices tell the same story.

A voice joins the running story whose words it shares, whose thread it stands in or whose copies it
repeats; otherwise the first story of its playbook, or it begins one. What shares no words with the
story it went to is remembered as a bud: when several people speak of the same, the bud becomes a
story of its own. So a stray remark never splits a crisis, and two crises do not stay one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, log
from typing import Final
from zlib import crc32

import msgspec

from libs.common.events import Mention
from libs.common.query.fold import fold
from services.alert.detector import Voice
from services.alert.playbook import GENERAL, HINT
from services.alert.story import MOST_WHO, SHORTEST_PART, SILENT_SECONDS, Story
from services.alert.vocabulary import Vocabulary, is_insult, term_of, terms, words_of

VAGUE: Final = frozenset({GENERAL, HINT, "service-failure"})
"""Playbooks whose cues say how somebody speaks, and not of what: whoever is led by them joins the
story whose words they use, whatever its playbook."""

_UNTHEMED: Final = VAGUE - {HINT}
MOST_STORIES: Final = 8
MOST_BUDS: Final = 6
JOINS: Final = 5.0
"""Nats of evidence from which on a voice belongs to a story."""
_LEANS: Final = 2.5
"""Nats from which on a voice of the same theme is no sign of another story."""
_NEAR: Final = 3.5
"""Nats from which on one voice of another theme begins no story of its own."""
SPROUTS: Final = 3
"""People who speak of the same before it becomes a story of its own."""
SPROUTS_VAGUE: Final = MOST_WHO
"""As many where it has no theme: unrelated complaints share words more easily."""
_LOOKS_SECONDS: Final = 600.0
"""How often it is looked whether a story has ended."""

_SAME_REPLY: Final = 8.0
_SAME_THREAD: Final = 4.0
_OTHER_THEME: Final = 3.0
_THEME_FOR_VAGUE: Final = 6.0
"""What the evidence has to make up for when the playbooks differ, in nats."""
_SELDOM: Final = 0.02
"""A subject is a word that fewer of the usual texts have."""
_MOST_LINKS: Final = 128
_FEWEST_TERMS: Final = 3
"""A text with fewer says too little to differ from a story."""
_LONGEST_WORD: Final = 20
_LONGEST_KEY: Final = 59
_MOST_NAMES: Final = 64


class Stories(msgspec.Struct):
    """The running stories of one watch, and its usual words.

    running: in the order in which they began. links: numbers of stories by the threads and posts
    that belong to them and by clusters of copies, the latest last. named: how many stories were
    given a key, by what it begins with; forgotten: it is not all of them. now: the newest voice's
    time.
    """

    vocabulary: Vocabulary = msgspec.field(default_factory=Vocabulary)
    running: list[Story] = []
    buds: list[Story] = []
    links: dict[int, int] = {}
    begun: int = 0
    named: dict[str, int] = {}
    forgotten: bool = False
    now: float = 0.0

    def learn(self, mention: Mention) -> None:
        """Takes the words of a mention that is not critical for usual."""
        self.vocabulary.learn(mention)

    def place(self, voice: Voice, playbook: str, cluster: int | None = None) -> Story:
        """The story the voice belongs to, counted in it.

        playbook: the id of the one for what the voice speaks of. cluster: of the copies that the
        text is one of; None where it is no copy.
        """
        self._pass(voice.at)
        said = terms(voice.mention)
        tied, tie = self._tied(voice, cluster)
        if tie == inf:
            story, shared = tied, []
        else:
            shared = [story.evidence(said, self.vocabulary) for story in self.running]
            story = self._shared(shared, playbook, tied, tie)
        if not _tells(voice):
            # It is counted where it fits, and says nothing of what the trouble is.
            story = story or self._first(playbook) or self._begin(playbook, voice, ())
        elif story is not None:
            story.learn(voice.who, said)
        else:
            story = self._apart(voice, said, playbook, shared)
        story.hear(voice.at)
        self._link(voice, cluster, story)
        return story

    def is_first(self, story: Story) -> bool:
        """Whether it takes what is said of its theme and has no words in common with any."""
        return self._first(story.playbook) is story

    def _pass(self, at: float) -> None:
        """Ends what has been silent for too long."""
        before = self.now
        if at <= before:
            return
        self.now = at
        if at // _LOOKS_SECONDS == before // _LOOKS_SECONDS:
            return
        lately = self.now - SILENT_SECONDS
        for stories in (self.running, self.buds):
            stories[:] = [
                story for story in stories if story.last >= lately or story.ends_at() >= self.now
            ]

    def _shared(
        self, shared: Sequence[float], playbook: str, tied: Story | None, tie: float
    ) -> Story | None:
        """The running story that the voice shares words, a thread or copies with. shared: its
        evidence for each; tied: the story that it is tied to, so firmly."""
        best, most = None, 0.0
        for story, nats in zip(self.running, shared, strict=True):
            if not nats and story is not tied:
                continue
            nats -= _misfit(playbook, story.playbook)
            if story is tied:
                nats += tie
                tied = story if nats > 0.0 else None
            if nats >= JOINS and (likelihood := nats + log(story.recent + 1)) > most:
                best, most = story, likelihood
        return best or tied

    def _apart(
        self, voice: Voice, said: Sequence[str], playbook: str, shared: Sequence[float]
    ) -> Story:
        """Where a voice goes that shares nothing with any story: to the first of its playbook, and
        into a bud; or it begins a story, or the bud has become one. shared: its evidence for each
        running story."""
        story = self._brought_up_in_parts(said, playbook, shared)
        if story is not None:
            story.learn(voice.who, said)
            return story
        first = self._first(playbook)
        if first is None:
            near = self._near(playbook, shared)
            if near is None:
                return self._begin(playbook, voice, said)
            near.learn(voice.who, said)
            return near
        if len(said) < _FEWEST_TERMS:
            return first
        if self._leans(voice, first, shared[self.running.index(first)]):
            first.learn(voice.who, said)
            return first
        bud = self._bud(said, playbook, first)
        bud.learn(voice.who, said)
        bud.hear(voice.at)
        if len(bud.who) < (SPROUTS_VAGUE if bud.playbook in VAGUE else SPROUTS):
            return first
        core = bud.core()
        if self._brings_up(first, core):
            self.buds.remove(bud)
            first.learn(voice.who, core)
            return first
        if bud.playbook not in VAGUE and not self._has_subject(first):
            # What it was taken to be about were stray remarks.
            first.who, bud.who = bud.who, first.who
            first.said, bud.said = bud.said, first.said
            first.stems, bud.stems = None, None
            first.recent, bud.recent = bud.recent, first.recent
            return first
        self.buds.remove(bud)
        bud.key = self._key(bud, first, voice, said)
        return self._run(bud)

    def _leans(self, voice: Voice, first: Story, nats: float) -> bool:
        """Whether a voice says in its own words what the story of its theme is about: it shares a
        little with it, or speaks another language, which is likelier than another thing. nats: its
        evidence for that story."""
        if _language(voice) != first.lang:
            return True
        return first.playbook not in VAGUE and nats >= _LEANS

    def _near(self, playbook: str, shared: Sequence[float]) -> Story | None:
        """A story with another theme, but a subject that this voice speaks of, too: themes are
        mistaken more often than words, and a crisis is not torn apart for one voice."""
        if playbook in VAGUE:
            return None
        best, most = None, 0.0
        for story, nats in zip(self.running, shared, strict=True):
            near = nats >= _NEAR and nats > most and story.playbook not in VAGUE
            if near and self._has_subject(story):
                best, most = story, nats
        return best

    def _brought_up_in_parts(
        self, said: Sequence[str], playbook: str, shared: Sequence[float]
    ) -> Story | None:
        """The running story that fits and whose subject the voice brings up in parts of compounds.
        shared: its evidence for each, whose words alone were not enough.
        """
        line = " ".join([term for term in said if len(term) > SHORTEST_PART])
        vague = playbook in VAGUE
        for story, nats in zip(self.running, shared, strict=True):
            if vague or playbook == story.playbook:
                parts = [part for part in story.parts(line) if part not in said]
                if parts and story.evidence(parts, self.vocabulary, nats) >= JOINS:
                    return story
        return None

    def _brings_up(self, story: Story, core: Sequence[str]) -> bool:
        """Whether these terms are the story's subject, be it in parts of compounds."""
        parts = story.parts(" ".join(core))
        said = dict.fromkeys((*core, *parts))
        return bool(parts) and story.evidence(said, self.vocabulary) >= JOINS

    def _has_subject(self, story: Story) -> bool:
        """Whether enough voices share a word that the watch seldom uses."""
        share = self.vocabulary.share
        return any(n >= SPROUTS and share(term) < _SELDOM for term, n in story.said.items())

    def _bud(self, said: Sequence[str], playbook: str, first: Story) -> Story:
        """The bud that speaks of the same, or a new one."""
        best, most = None, JOINS
        vague = playbook in VAGUE
        for bud in self.buds:
            if vague or _alike(playbook, bud.playbook):
                nats = bud.evidence(said, self.vocabulary)
                if nats > most:
                    best, most = bud, nats
        if best is None:
            if len(self.buds) >= MOST_BUDS:
                self.buds.remove(min(self.buds, key=lambda bud: (len(bud.who), bud.last)))
            best = Story("", playbook, 0, self.now, lang=first.lang)
            self.buds.append(best)
        return best

    def _first(self, playbook: str) -> Story | None:
        for story in self.running:
            if _alike(playbook, story.playbook):
                return story
        return None

    def _begin(self, playbook: str, voice: Voice, said: Sequence[str]) -> Story:
        story = Story(self._named(playbook), playbook, 0, voice.at, lang=_language(voice))
        story.learn(voice.who, said)
        return self._run(story)

    def _run(self, story: Story) -> Story:
        if len(self.running) >= MOST_STORIES:
            # Without the one that takes the everyday criticism, a strand of a storm would get it.
            everyday = self._first(GENERAL)
            others = [each for each in self.running if each is not everyday]
            self.running.remove(min(others, key=lambda each: each.last))
        self.begun += 1
        story.number = self.begun
        self.running.append(story)
        return story

    def _key(self, bud: Story, first: Story, voice: Voice, said: Sequence[str]) -> str:
        """The playbook and the word that tells the story from the first of that playbook."""
        ranked = sorted(
            (term for term in said if term in bud.said and term not in first.said),
            key=lambda term: (bud.said[term] * log(self.vocabulary.share(term)), term),
        )
        written = (_as_written(term, voice.mention) for term in ranked)
        word = next(filter(None, written), "")
        return self._named(f"{bud.playbook}-{word}".rstrip("-")[:_LONGEST_KEY])

    def _named(self, stem: str) -> str:
        """A key that no story of the watch has had: an incident of last year is not this one."""
        count = self.named.pop(stem, self.begun if self.forgotten else 0) + 1
        self.named[stem] = count
        while len(self.named) > _MOST_NAMES:
            del self.named[next(iter(self.named))]
            self.forgotten = True
        return stem if count == 1 else f"{stem}-{count}"

    def _tied(self, voice: Voice, cluster: int | None) -> tuple[Story | None, float]:
        """The story a voice is tied to by copies, its thread or what it answers; how firmly."""
        mention, links = voice.mention, self.links
        ties = list[tuple[int, float]]()
        if cluster is not None:
            ties.append((crc32(b"c%d" % cluster), inf))
        if mention.in_reply_to:
            ties.append((_post(mention, mention.in_reply_to), _SAME_REPLY))
        if mention.thread:
            ties.append((_thread(mention, mention.thread), _SAME_THREAD))
        for place, tie in ties:
            if number := links.get(place):
                for story in self.running:
                    if story.number == number:
                        return story, tie
        return None, 0.0

    def _link(self, voice: Voice, cluster: int | None, story: Story) -> None:
        mention, links = voice.mention, self.links
        places = [_post(mention, mention.native_id)]
        if mention.thread:
            places.append(_thread(mention, mention.thread))
        if cluster is not None:
            places.append(crc32(b"c%d" % cluster))
        for place in places:
            links.pop(place, None)
            links[place] = story.number
        while len(links) > _MOST_LINKS:
            del links[next(iter(links))]


def _tells(voice: Voice) -> bool:
    """Whether its words are about the trouble: praise may be what a detector noticed, too."""
    return voice.critical or voice.mention.kind == "hint"


def _alike(playbook: str, other: str) -> bool:
    """Whether what has nothing else in common may go together."""
    return playbook == other or (playbook in _UNTHEMED and other in _UNTHEMED)


def _misfit(playbook: str, other: str) -> float:
    """What a voice's evidence for a story of another playbook has to make up for, in nats."""
    if playbook == other or playbook in VAGUE:
        return 0.0
    return _THEME_FOR_VAGUE if other in VAGUE else _OTHER_THEME


def _language(voice: Voice) -> str | None:
    return voice.mention.classification.lang or voice.mention.lang


def _post(mention: Mention, native_id: str) -> int:
    return crc32(f"p{mention.platform}\x1f{native_id}".encode())


def _thread(mention: Mention, thread: str) -> int:
    return crc32(f"t{mention.platform}\x1f{thread}".encode())


def _as_written(term: str, mention: Mention) -> str:
    """The word behind a term, folded; empty where no key should be made of it."""
    text = mention.text if mention.title is None else f"{mention.title}\n{mention.text}"
    word = next((fold(word) for word in words_of(text) if term_of(word) == term), "")
    fit = word.isascii() and word.isalpha() and not is_insult(word)
    return word[:_LONGEST_WORD] if fit else ""
