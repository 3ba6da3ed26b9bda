"""The model card names the very files that are shipped."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[3]
CARD = (ROOT / "training" / "MODEL_CARD.md").read_text("utf-8")
ROW = re.compile(r"^\| (.+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)


def test_the_hashes_are_those_of_the_files() -> None:
    stated = dict(ROW.findall(CARD))
    parts = sorted((ROOT / "training" / "corpus").glob("*.jsonl"))
    assert stated.pop(next(name for name in stated if name.startswith("our corpus"))) == (
        sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    )
    model = ROOT / "services" / "classify" / "linear" / "linear.npz"
    assert stated.pop("the model, `linear.npz`") == sha256(model.read_bytes()).hexdigest()
    files = {ROOT / name.strip("`"): digest for name, digest in stated.items() if "/" in name}
    assert len(files) == 5
    for file, digest in files.items():
        assert sha256(file.read_bytes()).hexdigest() == digest, file.name
