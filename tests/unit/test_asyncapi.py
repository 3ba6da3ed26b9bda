"""The published description of the streams is what the code does."""

from pathlib import Path

import jsonschema
import msgspec
from ruamel.yaml import YAML

from libs.common.asyncapi import document
from libs.common.events import to_json
from tests.unit.test_worker import a_mention

PUBLISHED = Path(__file__).parents[2] / "docs" / "asyncapi.yaml"


def test_the_published_description_is_current() -> None:
    assert YAML(typ="safe").load(PUBLISHED) == document(), "run make docs"


def test_every_message_stands_in_a_channel() -> None:
    described = document()
    in_channels = {name for c in described["channels"].values() for name in c["messages"]}
    assert in_channels == set(described["components"]["messages"])


def test_an_event_as_sent_fits_its_schema() -> None:
    described = document()
    schema = {"$ref": "#/components/schemas/Mention", "components": described["components"]}
    jsonschema.validate(msgspec.json.decode(to_json(a_mention("Bremse"))), schema)
