"""Generator of the tables of operations in the reference: run `make docs`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from api.docs.documentation import Documentation
from api.docs.examples import DOCUMENTS
from api.http.operation import Operation
from api.operations import OPERATIONS
from middleware.policy import ANY, KIB, MAX_BODY_BYTES, MIB

SCOPES_PAGE, SCOPES_HEADER = DOCUMENTS / "scopes-and-limits.md", "| operation | scope | units |"
SIZES_PAGE, SIZES_HEADER = DOCUMENTS / "api.md", "| operation | largest JSON | largest CSV |"


def scope_rows(operations: Sequence[Operation]) -> Iterator[Sequence[str]]:
    """Yield name, scope and units of each operation, and of each page."""
    listed = [(each.method, each.policy) for each in operations]
    listed += [(each.method, each.policy) for each in Documentation(operations).endpoints()]
    for method, policy in listed:
        yield f"`{method} {policy.route}`", _describe_scope(policy.scope), str(policy.cost)


def size_rows(operations: Iterable[Operation]) -> Iterator[Sequence[str]]:
    """Yield name and largest bodies of each operation with bounds of its own."""
    for operation in operations:
        csv = _describe_bytes(operation.max_table) if operation.accepts_csv else ""
        if csv or operation.max_body != MAX_BODY_BYTES:
            yield f"`{operation.name}`", _describe_bytes(operation.max_body), csv
    yield "every other", _describe_bytes(MAX_BODY_BYTES), ""


def replace_table(text: str, header: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a page with the rows of the table below a header line replaced.

    Raises:
        ValueError: the page has no such table.
    """
    lines = text.split("\n")
    start = lines.index(header) + 2
    end = next(at for at in range(start, len(lines)) if not lines[at].startswith("|"))
    lines[start:end] = ["| " + " | ".join(row).rstrip() + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    _rewrite(SCOPES_PAGE, SCOPES_HEADER, scope_rows(OPERATIONS))
    _rewrite(SIZES_PAGE, SIZES_HEADER, size_rows(OPERATIONS))


def _rewrite(page: Path, header: str, rows: Iterable[Sequence[str]]) -> None:
    text = replace_table(page.read_text(encoding="utf-8"), header, rows)
    page.write_text(text, encoding="utf-8")


def _describe_scope(scope: str | None) -> str:
    return {None: "open", ANY: "any key"}.get(scope, f"`{scope}`")


def _describe_bytes(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB else f"{size // KIB} KiB"


if __name__ == "__main__":
    main()
