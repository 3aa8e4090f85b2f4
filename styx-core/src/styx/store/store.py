"""The store: one object that holds the repositories over one database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Self

from sqlalchemy import URL, select, update

from styx.config import home as default_home
from styx.store import schema
from styx.store.answers import Answers
from styx.store.attempts import Attempts
from styx.store.audit import Audit
from styx.store.blocks import Blocks
from styx.store.clusters import Clusters
from styx.store.create import create_file, ensure_schema, installation
from styx.store.database import Database, parse_url, utc_now
from styx.store.events import Events
from styx.store.figures import Watch
from styx.store.jobs import ManagedJobs
from styx.store.memory import Memory, remember
from styx.store.mounts import Mounts
from styx.store.nodes import Nodes
from styx.store.peek import DATABASE_NAME
from styx.store.pruning import Pruning
from styx.store.requests import Requests
from styx.store.servers import Servers
from styx.store.spans import Spans
from styx.store.tokens import Tokens
from styx.store.turns import Turns
from styx.store.users import Users


class Store:
    """Everything an installation remembers. Thread-safe; several processes may have the same database open.

    ``installation`` is six characters, made when the first database was, and the same ever after; ``memory`` says
    whether this is still that one.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.memory = installation(database)
        self.installation = self.memory.installation
        self.clusters = Clusters(database)
        self.attempts = Attempts(database)
        self.nodes = Nodes(database)
        self.events = Events(database)
        self.spans = Spans(database)
        self.turns = Turns(database)
        self.blocks = Blocks(database)
        self.mounts = Mounts(database)
        self.jobs = ManagedJobs(database)
        self.servers = Servers(database)
        self.requests = Requests(database)
        self.users = Users(database)
        self.tokens = Tokens(database)
        self.audit = Audit(database)
        self.answers = Answers(database)
        self.watch = Watch(database)
        self.pruning = Pruning(database)

    @classmethod
    def open(
        cls, url: str | None = None, *, home: Path | None = None, clock: Callable[[], datetime] = utc_now
    ) -> Store:
        """Open the database at ``url``, or else ``state.db`` below ``home`` (by default ``$STYX_HOME`` or ``~/.styx``).

        Makes it when it is not there (readable by the user only) and brings it up to date when it is older than this
        code. Raises StoreError, and then has changed nothing.
        """
        if url is None:
            where = URL.create("sqlite", database=str((home or default_home()) / DATABASE_NAME))
        else:
            where = parse_url(url)
        if where.get_backend_name() == "sqlite":
            create_file(Path(where.database or "").absolute())
        database = Database(where, clock)
        with ExitStack() as failing:
            failing.callback(database.close)
            ensure_schema(database)
            store = cls(database)
            failing.pop_all()
        return store

    def now(self) -> datetime:
        """The time that all who share the database agree on, in UTC."""
        return self._database.now()

    def nothing_is_lost(self) -> None:
        """Forget that the database was lost once: a complete search has found nothing without a record."""
        if self.memory.remade is not None:
            self.memory = Memory(self.installation)
            if self._database.sqlite:
                remember(Path(self._database.url.database or "").absolute(), self.memory)

    def sealing_key(self, mine: str) -> str:
        """What the key is called under which secrets are sealed here: ``mine`` from now on, where there was none."""
        known = schema.installations.c.sealing_key
        with self._database.write() as connection:
            connection.execute(update(schema.installations).where(known.is_(None)).values(sealing_key=mine))
            return str(connection.scalar(select(known)))

    def forget_sealing_key(self) -> None:
        """Let the next that asks for it decide. Idempotent."""
        with self._database.write() as connection:
            connection.execute(update(schema.installations).values(sealing_key=None))

    def close(self) -> None:
        """Close the connections. Idempotent."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
