"""The configuration file: every error at once, each with its place."""

from datetime import timedelta
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import SecretStr

from libs.common.errors import ConfigurationError
from libs.common.settings import CommonSettings, Duration, Strict, load, parse


class Channel(Strict):
    id: str
    secret: SecretStr = SecretStr("")


class Settings(CommonSettings):
    every: Duration = timedelta(minutes=5)
    channels: tuple[Channel, ...] = ()


def findings(text: str, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        parse(dedent(text), "b.yaml", Settings, environment or {})
    return raised.value.findings


def test_an_empty_file_means_the_defaults() -> None:
    assert parse("", "b.yaml", Settings, {}) == Settings()


def test_every_error_is_found_at_once_and_named_with_its_line() -> None:
    assert findings(
        """
        company: Motorrad AG
        language: fr
        timezone: Europe/Atlantis
        every: soon
        watches:
          - id: motorrad
            name: Motorrad AG
            query: motorrad
          - id: Grosse Watch
            query: ""
        colour: red
        """
    ) == [
        "b.yaml:3: language: input should be 'de' or 'en'",
        "b.yaml:4: timezone: expected an IANA time zone such as Europe/Berlin",
        "b.yaml:5: every: expected a duration such as 30s, 5m, 2h or 90d",
        "b.yaml:10: watches[1].id: string should match pattern '^[a-z0-9][a-z0-9-]{0,62}$'",
        "b.yaml:10: watches[1].name: field required",
        "b.yaml:11: watches[1].query: expected a query; an empty one would take everything",
        "b.yaml:12: colour: unknown key",
    ]


def test_a_query_that_cannot_be_read_is_named_with_its_position() -> None:
    (finding,) = findings("watches: [{id: a, name: A, query: 'bremse AND (hinten'}]")
    assert finding.startswith("b.yaml:1: watches[0].query: not a query: ")
    assert "character 12" in finding


def test_the_same_id_twice_is_refused() -> None:
    text = "watches: [{id: a, name: A, query: a}, {id: a, name: B, query: b}]"
    assert findings(text) == ["b.yaml:1: watches: the id 'a' stands here twice; expected it once"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: [1, 2", "b.yaml:1: not valid YAML"),
        ("a: 1\na: 2", "b.yaml:2: not valid YAML"),
        ("- a\n- b", "b.yaml:1: expected a mapping"),
    ],
)
def test_what_is_not_a_mapping_is_refused_with_its_line(text: str, finding: str) -> None:
    (found,) = findings(text)
    assert found.startswith(finding)


def test_secrets_come_from_the_environment_and_from_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from file\n", encoding="utf-8")
    text = f"channels: [{{id: a, secret: '${{HOOK}}'}}, {{id: b, secret: '${{file:{secret}}}'}}]"
    settings = parse(text, "b.yaml", Settings, {"HOOK": "from environment"})
    assert [c.secret.get_secret_value() for c in settings.channels] == [
        "from environment",
        "from file",
    ]


def test_a_missing_secret_is_named_but_never_shown() -> None:
    found = findings("channels:\n- {id: a, secret: '${HOOK}', kind: x}", {"OTHER": "hush"})
    assert "b.yaml:2: channels[0].secret: expected the environment variable HOOK to be set" in found
    assert "hush" not in "".join(found)


def test_a_file_that_is_not_there_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.yaml", Settings, {})


def test_merged_keys_are_read_and_blamed_on_their_place() -> None:
    text = "x: &x {id: a, name: A}\nwatches:\n- {<<: *x, query: b}\n- {<<: *x, query: ''}"
    assert findings(text) == [
        "b.yaml:1: x: unknown key",
        "b.yaml:4: watches[1].query: expected a query; an empty one would take everything",
    ]


@pytest.mark.parametrize("every", ["999999999d", "99999999999999999999s", "4000d"])
def test_a_duration_nobody_can_wait_for_is_refused(every: str) -> None:
    (finding,) = findings(f"every: {every}")
    assert finding.startswith("b.yaml:1: every: expected a duration")


def test_a_secret_that_is_no_text_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"\xff\xfe")
    (finding,) = findings(f"company: '${{file:{secret}}}'")
    assert (
        finding == f"b.yaml:1: company: cannot read the secret ${{file:{secret}}}: it is not text"
    )


@pytest.mark.parametrize(
    "text", ["a: " + "[" * 3000, "a: !!python/object/apply:os.system [x]", "a: *b"]
)
def test_strange_yaml_is_an_error_of_the_configuration(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(text, "b.yaml", Settings, {})


def test_words_that_older_yaml_took_for_truth_values_stay_words() -> None:
    assert parse("company: NO", "b.yaml", Settings, {}).company == "NO"
