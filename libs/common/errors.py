"""Every error of ours, as one tree.

    BrandmelderError
    ├── Retryable             the world is not ready: try the same again, not before `retry_after`
    │   ├── BusUnavailable    the event log cannot be reached
    │   └── ChildLost         a child process ended, or was ended, before its job was done
    ├── JobFailed             a job in a child process raised
    ├── PartitionLost         another member owns the partition now: drop the batch, poll again
    ├── MessageTooLarge       the log refuses this message for its size
    ├── InvalidEvent          the value does not fit its event type
    │   └── UnknownEvent      the event type is not ours
    ├── TooManyParked         messages keep failing: that is our bug, so the service stops
    ├── ConfigurationError    the configuration file is wrong; carries every finding
    ├── QueryError            a query cannot be read (`libs/common/query/errors.py`)
    └── AddressRefused        an outgoing request would have reached a private network

`libs/common/worker.py` decides what becomes of an error that a step raises.
"""

from __future__ import annotations


class BrandmelderError(Exception):
    """Root of our errors."""


class Retryable(BrandmelderError):
    """The same call may succeed later.

    retry_after: seconds the other side asked us to wait at least; None when it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BusUnavailable(Retryable):
    """The event log cannot be reached or did not acknowledge."""


class ChildLost(Retryable):
    """A child process ended before its job was done, or took too long and was killed."""


class JobFailed(BrandmelderError):
    """A job in a child process raised; the message says what."""


class PartitionLost(BrandmelderError):
    """The partition moved to another member of the group; its records will be read there."""


class MessageTooLarge(BrandmelderError):
    """The log does not take a message of this size."""


class InvalidEvent(BrandmelderError):
    """A value that does not fit its event type."""


class UnknownEvent(InvalidEvent):
    """An event type that this version does not know."""


class TooManyParked(BrandmelderError):
    """So many messages failed in a row that the fault is in our code, not in the messages."""


class ConfigurationError(BrandmelderError):
    """The configuration is wrong. `findings` are complete lines for the person who wrote it."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("\n".join(findings))
        self.findings = findings


class AddressRefused(BrandmelderError):
    """The address leads to a private network, and the configuration does not allow that."""
