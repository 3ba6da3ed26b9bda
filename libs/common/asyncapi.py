"""The description of the streams in AsyncAPI 3, made from the event structs.

`make docs` writes it to docs/asyncapi.yaml; a test holds the file against the code.
"""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec
from ruamel.yaml import YAML

from libs.common.bus import CLASSIFIED, INCIDENTS, RAW, SOURCES
from libs.common.events import EVENT_TYPES, event_struct

_CHANNELS: Final = {
    RAW: (
        "mentionsRaw",
        "Posts that matched a watch. Key: the mention's id.",
        ("mention.collected.v1", "mention.deleted.v1"),
    ),
    CLASSIFIED: (
        "mentionsClassified",
        "Mentions with their classification. Key: the watch's id, so that a watch's mentions "
        "stay in order.",
        ("mention.classified.v1", "mention.deleted.v1", "mention.label_corrected.v1"),
    ),
    INCIDENTS: (
        "incidents",
        "What happened to an incident, in order. Key: the incident's id.",
        tuple(name for name in EVENT_TYPES if name.startswith("incident.")),
    ),
    SOURCES: (
        "sourcesHealth",
        "Sources that fell ill for longer than a moment, and those that are well again. Key: the "
        "source's id.",
        ("source.health_changed.v1",),
    ),
}
_HEADERS: Final = {
    "type": "object",
    "required": ["ce_id", "ce_type", "ce_source", "ce_specversion", "ce_time", "content-type"],
    "properties": {
        "ce_id": {"type": "string", "description": "Hash of the value: a repeat has the same id."},
        "ce_type": {"type": "string", "description": "The event type: the message's name."},
        "ce_source": {"type": "string", "description": "The service, as a path."},
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_time": {"type": "string", "format": "date-time"},
        "content-type": {"type": "string", "const": "application/json"},
    },
}


def document() -> dict[str, Any]:
    """The AsyncAPI 3 document, as plain values."""
    structs = [event_struct(name) for name in EVENT_TYPES]
    schemas, components = msgspec.json.schema_components(
        structs, ref_template="#/components/schemas/{name}"
    )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Brandmelder's streams",
            "version": "1.0.0",
            "description": "CloudEvents 1.0 in Kafka's binary mode: the value is the event as "
            "UTF-8 JSON, the envelope stands in the headers. At least once, in order per key; "
            "fields are only ever added. `<topic>.dead` holds what a service could not handle.",
        },
        "defaultContentType": "application/json",
        "channels": {
            channel: {
                "address": topic,
                "description": description,
                "messages": {
                    _camel(name): {"$ref": f"#/components/messages/{_camel(name)}"}
                    for name in names
                },
            }
            for topic, (channel, description, names) in _CHANNELS.items()
        },
        "operations": {
            f"receive{channel[0].upper()}{channel[1:]}": {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{channel}"},
            }
            for channel, _, _ in _CHANNELS.values()
        },
        "components": {
            "messages": {
                _camel(name): {
                    "name": name,
                    "contentType": "application/json",
                    "headers": {"$ref": "#/components/schemas/Headers"},
                    "payload": schema,
                    "bindings": {"kafka": {"key": {"type": "string"}}},
                }
                for name, schema in zip(EVENT_TYPES, schemas, strict=True)
            },
            "schemas": {"Headers": _HEADERS, **_as_json(components)},
        },
    }


def _as_json(schemas: dict[str, Any]) -> dict[str, Any]:
    """Defaults as JSON has them: a tuple is a list."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(schemas))
    return plain


def _camel(event_type: str) -> str:
    first, *rest = event_type.replace("_", ".").removesuffix(".v1").split(".")
    return first + "".join(part.capitalize() for part in rest)


if __name__ == "__main__":
    yaml = YAML()
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _data: True
    yaml.dump(document(), sys.stdout)
