"""The main job as people live it, in real processes: a burning post, and somebody is paged."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.deployment import Deployment, eventually
from tests.support.platforms import SECRET, Platforms, sandbox_running

ROUNDS = 20
PATIENCE = 60.0

BURNING = (
    "Bei voller Fahrt hat an meiner {model} die Bremse versagt, "
    "mein Freund liegt schwer verletzt im Krankenhaus!"
)
CALM = "Ich fahre die {model} seit {number} Wochen und bin sehr zufrieden, danke."


def a_configuration(platforms: Platforms, models: list[str]) -> str:
    watches = "\n".join(f"  - {{id: {m.lower()}, name: {m}, query: {m}}}" for m in models)
    return f"""
company: Motorrad AG
watches:
{watches}
sources:
  - id: forum
    kind: feed
    url: {platforms.address}/forum/feed.atom
    every: 1s
    allow_private: true
channels:
  - id: crisis-room
    kind: webhook
    url: {platforms.address}/_sandbox/hook
    secret: {SECRET}
    allow_private: true
    timeout: 3s
rules:
  - id: danger
    when: "label:crisis_candidate severity>=0.7"
    level: 3
    playbook: product-safety
    notify: ["channel:crisis-room"]
"""


@pytest.fixture
def platforms(tmp_path: Path) -> Iterator[Platforms]:
    with sandbox_running(tmp_path) as platforms:
        yield platforms


class DeploymentOf:
    def __init__(
        self, folder: Path, *, together: bool, bus: str | None = None, database: str | None = None
    ) -> None:
        self._folder, self._together = folder, together
        self._bus, self._database = bus, database

    @contextmanager
    def __call__(self, configuration: str) -> Iterator[Deployment]:
        deployment = Deployment(
            self._folder / "deployment",
            configuration,
            together=self._together,
            bus=self._bus,
            database=self._database,
        )
        try:
            with deployment.running():
                yield deployment
        except BaseException:
            print(deployment.logs())
            raise


@pytest.fixture(params=["embedded", "embedded-apart", "distributed"])
def deployment_of(request: pytest.FixtureRequest, tmp_path: Path) -> DeploymentOf:
    """Everything in one process on SQLite; four processes on the same two files; four processes
    on Kafka and PostgreSQL."""
    if request.param != "distributed":
        return DeploymentOf(tmp_path, together=request.param == "embedded")
    address = request.getfixturevalue("kafka_address")
    databases = request.getfixturevalue("postgres")
    prefix = f"{tmp_path.name}-{random.randrange(10**9)}."
    return DeploymentOf(
        tmp_path,
        together=False,
        bus=f"kafka://{address}?prefix={prefix}&session=6",
        database=databases.create(),
    )


def get(client: httpx.Client, path: str, **params: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path, params=params).raise_for_status().json()
    return found


@pytest.mark.timeout(240)
def test_a_burning_post_pages_somebody_who_takes_it(
    platforms: Platforms, deployment_of: DeploymentOf
) -> None:
    with (
        deployment_of(a_configuration(platforms, ["Lupora"])) as deployment,
        deployment.client("query") as query,
        deployment.client("alert") as alert,
        deployment.client("ingest") as ingest,
    ):
        platforms.post(CALM.format(model="Lupora", number=3))
        platforms.post(BURNING.format(model="Lupora"))

        # The mentions are found, tagged and searchable.
        def both() -> list[dict[str, Any]] | None:
            items: list[dict[str, Any]] = get(query, "/v1/mentions")["items"]
            return items if len(items) == 2 else None

        found = eventually("both posts are mentions", both, patience=PATIENCE)
        labels = {item["classification"]["label"] for item in found}
        assert labels == {"praise", "crisis_candidate"}
        (burning,) = get(query, "/v1/mentions", q="bremse* label:crisis_candidate")["items"]
        assert burning["classification"]["severity"] >= 0.7
        assert burning["classification"]["reasons"]

        # One page goes out, signed.
        (page,) = eventually("a page arrives", platforms.deliveries, patience=PATIENCE)
        assert page["signature"] == "valid"

        # The incident knows what to do, and somebody takes it.
        (incident,) = get(alert, "/v1/incidents", state="open")["items"]
        assert (incident["level"], incident["state"]) == (3, "open")
        assert incident["id"] in page["body"]
        assert incident["steps"][0]["text"]["de"]
        path = f"/v1/incidents/{incident['id']}"
        alert.post(f"{path}/ack", json={"by": "Anna"}).raise_for_status()
        taken = get(alert, path)
        assert (taken["state"], taken["acknowledged_by"]) == ("acknowledged", "Anna")
        assert [event["event"] for event in taken["timeline"]][:2] == ["opened", "paged"]
        assert "acknowledged" in [event["event"] for event in taken["timeline"]]

        # A person's hint joins in, and is thanked for.
        hint = ingest.post("/v1/hints", json={"text": "Lupora: noch ein Unfall!"})
        assert hint.status_code in (200, 201, 202), hint.text
        eventually(
            "the hint is a mention",
            lambda: get(query, "/v1/mentions", q="kind:hint")["items"],
            patience=PATIENCE,
        )

        # Done is done.
        done = alert.post(f"{path}/resolve", json={"by": "Anna", "why": "Rückruf läuft"})
        assert done.json()["state"] == "resolved"


@pytest.mark.timeout(240)
def test_the_live_stream_resumes_where_it_broke_off(
    platforms: Platforms, deployment_of: DeploymentOf
) -> None:
    with (
        deployment_of(a_configuration(platforms, ["Lupora"])) as deployment,
        deployment.client("query", timeout=PATIENCE) as query,
    ):
        with query.stream("GET", "/v1/mentions/stream", params={"q": "wochen"}) as stream:
            platforms.post("Lupora: nichts davon")
            platforms.post(CALM.format(model="Lupora", number=1))
            first, text = next_mention(stream)
            assert "seit 1 Wochen" in text
        for number in (2, 3):
            platforms.post(CALM.format(model="Lupora", number=number))
        eventually(
            "all are stored",
            lambda: len(get(query, "/v1/mentions")["items"]) == 4,
            patience=PATIENCE,
        )
        position, seen = first, []
        for _ in range(2):
            with query.stream(
                "GET",
                "/v1/mentions/stream",
                params={"q": "wochen"},
                headers={"Last-Event-ID": position},
            ) as stream:
                position, text = next_mention(stream)
                seen.append(re.findall(r"seit (\d) Wochen", text)[0])
        assert sorted(seen) == ["2", "3"], "each of what came meanwhile, once"


def next_mention(stream: httpx.Response) -> tuple[str, str]:
    """The id and the data of the next event that carries data; a blank line ends an event."""
    fields: dict[str, str] = {}
    for line in stream.iter_lines():
        if not line and "data" in fields:
            return fields["id"], fields["data"]
        if not line:
            fields = {}
        name, _, value = line.partition(":")
        fields[name] = value.strip()
    raise AssertionError("the stream ended")


@pytest.mark.timeout(1500)
@pytest.mark.parametrize("deployment_of", ["embedded", "distributed"], indirect=True)
def test_killed_at_random_moments_nothing_is_lost_and_nothing_counted_twice(
    platforms: Platforms, deployment_of: DeploymentOf
) -> None:
    """Every round: posts arrive, every process is killed with -9 somewhere on the way, and started
    again. In the end each mention is stored once, and each page arrived, with one key of its own.
    """
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    print(f"seed {seed}")
    models = [f"Modell{number}" for number in range(ROUNDS)]
    with deployment_of(a_configuration(platforms, models)) as deployment:
        for number, model in enumerate(models):
            platforms.post(CALM.format(model=model, number=number))
            platforms.post(BURNING.format(model=model))
            for process in chance.sample(deployment.processes, len(deployment.processes)):
                time.sleep(chance.uniform(0.0, 2.0))
                process.kill()
                process.start()
            for process in deployment.processes:
                process.wait_until_ready()

        with deployment.client("query") as query, deployment.client("alert") as alert:

            def stored() -> list[dict[str, Any]]:
                items: list[dict[str, Any]] = get(query, "/v1/mentions", limit="100")["items"]
                return items

            def all_delivered() -> bool:
                incidents = get(alert, "/v1/incidents", limit="100")["items"]
                return {incident["watch"] for incident in incidents} == {
                    model.lower() for model in models
                } and {incident["id"] for incident in incidents} <= {
                    incident_of(page["body"], incidents) for page in platforms.deliveries()
                }

            eventually("all is stored", lambda: len(stored()) >= 2 * ROUNDS, patience=120)
            eventually("every page arrived", all_delivered, patience=120)
            counted = Counter((item["watch"], item["native_id"]) for item in stored())

    assert len(counted) == 2 * ROUNDS
    assert set(counted.values()) == {1}
    pages = platforms.deliveries()
    assert {page["signature"] for page in pages} == {"valid"}
    keys_of_body = {page["headers"]["webhook-id"] for page in pages}
    assert len(keys_of_body) == ROUNDS, "a repeat carries the same key, another page another"


def incident_of(body: str, incidents: list[dict[str, Any]]) -> str | None:
    return next((incident["id"] for incident in incidents if incident["id"] in body), None)
