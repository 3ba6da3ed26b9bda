"""The table of what every kind of source does, for the docs: `python -m` writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, get_args

from services.ingest.catalogue import catalogue
from tests.contract.collectors.cases import CASES
from tests.contract.collectors.cases.delivered import HOOK_CASES
from tests.contract.collectors.conformance import BEHAVIOURS
from tests.contract.collectors.delivering import Behaviour as HookBehaviour

PAGE: Final = Path(__file__).parents[3] / "docs" / "collectors.md"
_HEAD: Final = """# Sources: the kinds there are

Written by `make docs` from the code and its tests; a test holds it against them. `brandmelder
collectors` prints the first table, `brandmelder probe SOURCE` tries one that is configured.

## Kinds and the keys they need

Beside `id` and `kind`. Keys in brackets are credentials that some modes need. Every kind also takes
`every`, `quiet_after`, `control`, `look_again`, `budget` and `allow_private`;
[sources.md](sources.md) says how to set each up.

"""
_MIDDLE: Final = """
## What each kind does, as tested

Each ✓ is a test against a stand-in of the platform over real connections
(`tests/contract/collectors/`); where there is none, the note says why.

"""
_DELIVERED: Final = """
## What is delivered, as tested

Platforms that send their posts ([hooks.md](hooks.md)). For each of them are tested: the handshake,
right and wrong; signatures, right and wrong, over the bytes as they came; repeats; batches; the log
away; broken parts, unknown fields, nonsense; a delivery without measure. And where the platform has
it:

"""


def page() -> str:
    """The whole page, as Markdown."""
    return _HEAD + _keys() + _MIDDLE + _behaviours() + _DELIVERED + _delivered()


def _keys() -> str:
    lines = ["| kind | reads | needs |", "|---|---|---|"]
    lines += [f"| `{each.kind}` | {each.reads} | {each.keys} |" for each in catalogue()]
    return "\n".join(lines) + "\n"


def _behaviours() -> str:
    notes: dict[str, int] = {}
    lines = [f"| kind | {' | '.join(BEHAVIOURS)} |", "|---" * (len(BEHAVIOURS) + 1) + "|"]
    for case in sorted(CASES, key=lambda case: case.label):
        cells = [
            f"– <sup>{notes.setdefault(case.lacks[each], len(notes) + 1)}</sup>"
            if each in case.lacks
            else "✓"
            for each in BEHAVIOURS
        ]
        lines.append(f"| `{case.label}` | {' | '.join(cells)} |")
    lines.append("")
    lines += [f"{number}. {reason}" for reason, number in notes.items()]
    return "\n".join(lines) + "\n"


def _delivered() -> str:
    behaviours = get_args(HookBehaviour)
    lines = [f"| platform | kind | {' | '.join(behaviours)} |"]
    lines.append("|---" * (len(behaviours) + 2) + "|")
    for case in HOOK_CASES:
        cells = [f"– {case.lacks[each]}" if each in case.lacks else "✓" for each in behaviours]
        lines.append(f"| {case.name} | `{case.kind}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.name} is written\n")
