"""`make bench`: every table, or those named: `make bench ARGS='matcher log'`."""

import sys
from importlib import import_module

NAMES = (
    "matcher",
    "classifier",
    "campaign",
    "firehose",
    "log",
    "start",
    "feeds",
    "sources",
    "pipeline",
    "soak",
    "detection",
    "bursts",
    "storms",
)


def main(names: list[str]) -> None:
    for unknown in set(names) - set(NAMES):
        sys.exit(f"unknown benchmark {unknown!r}; there are: {', '.join(NAMES)}")
    for name in names or NAMES:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
