"""How long to wait before trying again."""

from collections.abc import Callable


def full_jitter(
    attempt: int, *, base: float, cap: float, random: Callable[[], float], at_least: float = 0.0
) -> float:
    """Seconds to wait after failed attempt number `attempt` (the first is 0).

    Exponential back-off with full jitter: uniform in [0, min(cap, base * 2**attempt)], after
    Brooker, "Exponential Backoff And Jitter", 2015. `random` gives a float in [0, 1).
    at_least: what the other side asked for; jitter is only ever added to it.
    """
    return at_least + random() * min(cap, base * 2.0 ** min(attempt, 60))
