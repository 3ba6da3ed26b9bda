"""Which texts of a firehose are worth a closer look: those that hold a keyword."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ahocorasick_rs import AhoCorasick, Implementation

from libs.common.query.fold import fold, tokens, words_of


def may_hold(keywords: Sequence[str]) -> Callable[[str], bool]:
    """Tells of a text whether one of the keywords may be in it, as the query language reads both.

    It errs on one side only: of a phrase the longest word is looked for, anywhere in a word. When
    there are no keywords, or one has no letters to look for, every text may hold one.
    """
    wanted = {_longest_word(keyword) for keyword in keywords}
    if not wanted or "" in wanted:
        return lambda _text: True
    search = AhoCorasick(
        sorted(wanted), implementation=Implementation.ContiguousNFA
    ).find_matches_as_indexes

    def holds(text: str) -> bool:
        return bool(search(fold(text)))

    return holds


def _longest_word(keyword: str) -> str:
    words = [word for token in tokens(fold(keyword)) for word in words_of(token)]
    return max(words, key=len, default="")
