"""What there is of this installation, opened when it is first needed: its records, its engine, and a loop for that."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from styx.api.errors import StoreError
from styx.config import home, load_config
from styx.store import Store

if TYPE_CHECKING:
    from styx.client.loop import LoopThread
    from styx.engine.engine import Engine


class Opened:
    """What the parts of an embedded client share. Thread-safe."""

    def __init__(self) -> None:
        self._store: Store | None = None
        self._engine: Engine | None = None
        self._loop: LoopThread | None = None
        self._opening = threading.RLock()  # several threads may share a client, and what is opened is opened once
        self._outdated: StoreError | None = None
        self._copied: Store | None = None  # what is read then
        self._copies = ExitStack()

    @property
    def store(self) -> Store:
        """The store, opened on first use. Raises StoreError, InvalidConfig."""
        with self._opening:
            if self._store is None:
                self._store = Store.open(load_config().database, home=home())
            return self._store

    @property
    def records(self) -> Store:
        """The store to read, or a copy of it where it cannot even be opened. Raises StoreError, InvalidConfig."""
        try:
            return self.store
        except StoreError as error:
            if error.__cause__ is None or load_config().database is not None:
                raise
            with self._opening:
                self._outdated = error
                self._copied = self._copied or self._copy(error)
                return self._copied

    def _copy(self, why: StoreError) -> Store:
        from tempfile import TemporaryDirectory

        from styx.store.snapshot import snapshot

        try:
            place = self._copies.enter_context(TemporaryDirectory(prefix="styx-"))
            return self._copies.enter_context(snapshot(home(), Path(place)))
        except (OSError, StoreError):
            raise why from None

    @property
    def loop(self) -> LoopThread:
        """The thread that runs the engine."""
        with self._opening:
            if self._loop is None:
                from styx.client.loop import LoopThread

                self._loop = LoopThread()
            return self._loop

    @property
    def engine(self) -> Engine:
        """The engine, opened on first use."""
        with self._opening:
            if self._engine is None:
                from styx.engine.engine import Engine

                self._engine = Engine.open(home(), self.store)
            return self._engine

    def close(self) -> None:
        """Close what was opened. Idempotent."""
        if self._engine is not None:
            self.loop.run(self._engine.close())
        elif self._store is not None:
            self._store.close()
        if self._loop is not None:
            self._loop.close()
        self._copies.close()
        self._engine = self._store = self._loop = None
