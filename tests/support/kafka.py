"""A real Apache Kafka broker for the tests: one node that is broker and controller (KRaft).

Its jars come from `mvn -q -f deploy/kafka/pom.xml dependency:copy-dependencies`.
"""

from __future__ import annotations

import base64
import shutil
import socket
import struct
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Final

from tests.support.processes import (
    DidNotStart,
    free_ports,
    launch,
    stop,
    tail,
    wait_until_it_answers,
)

ROOT: Final = Path(__file__).parents[2]
JARS: Final = ROOT / ".cache" / "kafka" / "libs"
LOG_CONFIGURATION: Final = ROOT / "deploy" / "kafka" / "log4j2.properties"
HEAP: Final = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:-UsePerfData")
PATIENCE: Final = 60.0
API_VERSIONS_REQUEST: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""Size, API key 18, version 0, correlation id 1, no client id."""

PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=DIRECT
listeners=DIRECT://127.0.0.1:{port},BEHIND://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=DIRECT://127.0.0.1:{port},BEHIND://127.0.0.1:{in_front}
listener.security.protocol.map=DIRECT:PLAINTEXT,BEHIND:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
num.network.threads=2
num.io.threads=2
background.threads=2
log.cleaner.dedupe.buffer.size=2097152
offsets.topic.num.partitions=2
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=1000
controlled.shutdown.enable=false
"""


def missing() -> str | None:
    """Why no broker can be started here; None when one can."""
    if shutil.which("java") is None:
        return "no java on the path"
    if not any(JARS.glob("kafka_*.jar")):
        return "no jars: run mvn -q -f deploy/kafka/pom.xml dependency:copy-dependencies"
    return None


class KafkaBroker:
    """Clients reach the broker at `address`. `behind` and `in_front` are for a proxy between:
    it listens on port `in_front` and forwards to port `behind`, and clients that come that way
    are told to come back that way."""

    def __init__(self, *, options: tuple[str, ...] = ()) -> None:
        """options: more options for the Java machine."""
        self.port, self.behind, self.in_front, controller = free_ports(4)
        self.folder = Path(tempfile.mkdtemp(prefix="brandmelder-kafka-"))
        self.log = self.folder / "broker.log"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = self.folder / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(
                controller=controller,
                port=self.port,
                behind=self.behind,
                in_front=self.in_front,
                data=self.folder / "data",
            )
        )
        self._format()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts, or starts again on the same ports and data; returns when it answers."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts without waiting, for tests that have something else to do meanwhile."""
        self._process = launch(self._java("kafka.Kafka", str(self._properties)), log=self.log)

    def wait(self) -> None:
        if self._process is None:
            raise DidNotStart("Kafka was not launched")
        wait_until_it_answers("Kafka", self._process, self.answers, log=self.log, patience=PATIENCE)

    def answers(self) -> bool:
        """Whether it answers a request now, which it does only once it has joined the cluster."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.settimeout(5.0)
                connection.sendall(API_VERSIONS_REQUEST)
                answer = connection.recv(10)
        except OSError:
            return False
        return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)

    def kill(self) -> None:
        """As a power cut would: kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Stops and forgets everything."""
        if self._process is not None:
            stop(self._process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _java(self, main: str, *arguments: str) -> list[str]:
        return [
            "java",
            *HEAP,
            *self._options,
            f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}",
            "-cp",
            f"{JARS}/*",
            main,
            *arguments,
        ]

    def _format(self) -> None:
        """Gives the empty data folder its cluster id, which a broker in KRaft mode insists on."""
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        with self.log.open("ab") as log:
            done = subprocess.run(
                self._java(
                    # In one word: an id that begins with a dash would be taken for an option.
                    *("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"),
                    *("--config", str(self._properties)),
                ),
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                check=False,
            )
        if done.returncode != 0:
            raise DidNotStart(f"Kafka's storage was not formatted:\n{tail(self.log)}")
