"""The section `classify` of the configuration."""

from __future__ import annotations

from pathlib import Path

from libs.common.settings import CommonSettings, Strict


class ClassifySection(Strict):
    """lexicons: own lexicon files, added to the shipped ones (docs/classifier.md says how)."""

    lexicons: tuple[Path, ...] = ()


class ClassifySettings(CommonSettings):
    """What the classify service needs to know."""

    classify: ClassifySection = ClassifySection()
