"""What providers refused a moment ago, so that no other launch has to find out too."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select

from styx.store import schema
from styx.store.database import Database
from styx.store.records import BlockRecord
from styx.store.rows import all_columns, block_record, write_time

_T = schema.blocks
_INSERT = insert(_T)
_PAST = delete(_T).where(_T.c.until <= bindparam("now"))
_STANDING = select(_T).where(_T.c.until > bindparam("now")).order_by(_T.c.until, _T.c.id)


class Blocks:
    """Blocks that still stand. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, block: BlockRecord) -> None:
        """Remember a block, and forget those that have ended."""
        with self._database.write() as connection:
            connection.execute(_PAST, {"now": write_time(self._database.now(connection))})
            connection.execute(_INSERT, all_columns(block))

    def standing(self) -> list[BlockRecord]:
        """The blocks that have not ended, those that end first first."""
        with self._database.read() as connection:
            now = {"now": write_time(self._database.now(connection))}
            return [block_record(row) for row in connection.execute(_STANDING, now)]
