"""Plain tables for the terminal and for Markdown alike."""

from collections.abc import Sequence
from pathlib import Path


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table with aligned columns; numbers stand to the right."""
    cells = [[_cell(value) for value in row] for row in rows]
    numeric = [
        all(isinstance(row[column], int | float) for row in rows) for column in range(len(head))
    ]
    widths = [
        max(len(line[column]) for line in [list(head), *cells]) for column in range(len(head))
    ]
    rule = ["-" * (w - 1) + ":" if n else "-" * w for w, n in zip(widths, numeric, strict=True)]

    def line(values: Sequence[str]) -> str:
        aligned = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        )
        return "| " + " | ".join(aligned) + " |"

    return "\n".join([f"\n{title}\n", line(list(head)), line(rule), *map(line, cells)])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def write_into(page: Path, benchmark: str, text: str) -> None:
    """Puts what a benchmark found between its markers in a page of the documentation, at the end
    where it has none yet."""
    begin = f"<!-- {benchmark}: written by `make bench ARGS={benchmark}` -->"
    end = f"<!-- {benchmark}: end -->"
    written = page.read_text(encoding="utf-8") if page.exists() else ""
    if begin not in written:
        written = f"{written.rstrip()}\n\n{begin}\n{end}\n".lstrip()
    before, _, rest = written.partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n{text}\n\n{end}{after}", encoding="utf-8")
