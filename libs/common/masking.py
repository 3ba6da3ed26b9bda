"""Texts without the accounts and addresses that stand in them, masked as public corpora do it.

What is not written as one is not known for one, and stays: names of people, names of accounts
without an @ (`max#1234`), bare hosts that are no known home of accounts (`firma.example`),
telephone numbers, and what is spelt to escape (`anna (at) firma.example`, `h t t p`).
"""

from __future__ import annotations

import re
from typing import Final

ACCOUNT: Final = "@user"
ADDRESS: Final = "http"

_LABELS: Final = r"(?<![\w.-])(?:[\w-]+\.)+"
_ADDRESS: Final = re.compile(
    # How long a scheme may be, and that a host begins where a run of its characters does, keeps the
    # search linear. JSON in a text writes the slashes of an address with a backslash.
    r"[\w+.-]{0,30}:(?:\\?/){2}\S+|www\.\S+"
    # Without a scheme: a host with a path, or one whose first part is an account.
    rf"|{_LABELS}[^\W\d_]{{2,}}(?::\d+)?/\S*"
    rf"|{_LABELS}(?:bsky\.social|tumblr\.com|blogspot\.com|wordpress\.com|substack\.com"
    r"|github\.io|livejournal\.com)(?![\w-])",
    re.IGNORECASE,
)
_AT: Final = "[@\ufe6b\uff20]"
_NAME: Final = r"\w+(?:[.-]\w+)*"
_ACCOUNT: Final = re.compile(
    # Mail addresses, @names with or without their server, and Reddit's u/names. What stands before
    # a run of letters keeps the search linear.
    rf"(?<![\w.+-])[\w.+-]*{_AT}{_NAME}(?:{_AT}{_NAME})?|(?<![\w/])/?u/[\w-]+"
)
_AFTER: Final = ".,;:!?)]}>\"'»“”’…"


def masked(text: str) -> str:
    """The text with `@user` for every account and `http` for every web address."""
    return _ACCOUNT.sub(ACCOUNT, _ADDRESS.sub(_shortened, text))


def _shortened(address: re.Match[str]) -> str:
    found = address[0]
    return ADDRESS + found[len(found.rstrip(_AFTER)) :]
