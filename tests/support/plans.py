"""How a database finds what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from styx.store import Store


@contextmanager
def plans(store: Store) -> Iterator[list[str]]:
    """How the database finds what the block asks for, one line a step."""
    steps: list[str] = []
    asked: list[tuple[str, Any]] = []
    with store._database.read() as connection:
        engine = connection.engine

    def note(_connection: Any, _cursor: Any, text: str, given: Any, _context: Any, many: bool) -> None:
        if text.startswith(("SELECT", "UPDATE", "DELETE")):
            asked.append((text, given[0] if many else given))

    event.listen(engine, "before_cursor_execute", note)
    yield steps
    event.remove(engine, "before_cursor_execute", note)
    with store._database.read() as connection:
        for text, given in asked:
            if store._database.sqlite:
                steps += [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)]
            else:
                steps += connection.exec_driver_sql(f"EXPLAIN {text}", given).scalars()
