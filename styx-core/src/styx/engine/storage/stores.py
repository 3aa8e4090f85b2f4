"""The stores that can be used, by the URIs that they understand; and how core calls one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from styx.api.errors import (
    BadInput,
    NotYet,
    OutcomeUnknown,
    PluginError,
    ProviderError,
    RateLimited,
    StyxError,
    Transient,
    Unsupported,
)
from styx.api.storage import Storage, StoredObject
from styx.engine.account import DEADLINE, SHORTEST_PAUSE, TRANSIENT_TRIES
from styx.engine.workers import Overdue, Workers
from styx.optimizer.blocks import seconds
from styx.plugins.isolation import guard

if TYPE_CHECKING:
    from styx.engine.context import Context

CALLS_AT_ONCE = 8
CALL_SECONDS = 24 * 3600.0  # for one call: it ends with its connection, not after a time

ResultT = TypeVar("ResultT")


class Stores:
    """All stores of one installation; each is made when first asked for."""

    def __init__(self, context: Context) -> None:
        self._plugins = context.plugins
        self._services = context.clouds.services
        self._clock = context.clock
        self._made: dict[str, Storage] = {}
        self._workers: Workers[Any] = Workers(CALLS_AT_ONCE, "styx-storage")

    def names(self) -> list[str]:
        """The names of those that can be used, sorted."""
        return self._plugins.names("storage")

    def get(self, name: str) -> Storage:
        """The store of this name. Raises PluginError, InvalidConfig."""
        if name not in self._made:
            made = self._plugins.create("storage", name, self._services("storage", name))
            assert isinstance(made, Storage)
            self._made[name] = made
        return self._made[name]

    def usable(self) -> tuple[list[Storage], dict[str, StyxError]]:
        """Those that can be made, and why others cannot, by name."""
        found, problems = [], {}
        for name in self.names():
            try:
                found.append(self.get(name))
            except StyxError as error:
                problems[name] = error
        return found, problems

    def of(self, uri: str) -> Storage:
        """The store that understands a URI. Raises Unsupported when none does, PluginError when that one is broken."""
        scheme = uri.partition("://")[0]
        broken: PluginError | None = None
        for name in self.names():
            try:
                if scheme in self._schemes(name):
                    return self.get(name)
            except PluginError as error:  # another one may understand it
                broken = broken or error
        if broken is not None:
            raise broken
        raise Unsupported(
            f"no installed storage understands {scheme}:// ({uri})",
            hint="`styx plugins list` shows what is installed.",
            capability=f"storage:{scheme}",
        )

    def called(self, word: str) -> Storage:
        """The store of this name or with this scheme, in any case of letters. Raises BadInput."""
        wanted = word.lower()
        for name in self.names():
            if wanted == name or wanted in self._schemes(name):
                return self.get(name)
        raise BadInput(f"there is no store {word!r}", hint=f"There are: {', '.join(self.names()) or 'none'}.")

    def default(self, cloud: str) -> Storage:
        """The store for the buckets of a task that names none: that of the cloud's own plugin, or the only one.

        Raises BadInput where that leaves it open.
        """
        provided = [each for each in self._plugins.provided("storage") if each.name in self.names()]
        home = {each.plugin for each in self._plugins.provided("cloud") if each.name == cloud}
        own = [each.name for each in provided if each.plugin in home]
        chosen = own or [each.name for each in provided]
        if len(chosen) == 1:
            return self.get(chosen[0])
        raise BadInput(
            "file_mounts: which store a bucket is to be in is not said",
            hint=f"Write store: with one of {', '.join(chosen)}." if chosen else "Install a plugin with a store.",
        )

    def require_default(self) -> None:
        """Raise BadInput where on no cloud there is a store for the buckets of a task that names none."""
        homes = {each.plugin for each in self._plugins.provided("cloud")}
        if not any(each.plugin in homes for each in self._plugins.provided("storage") if each.name in self.names()):
            self.default("")

    def _schemes(self, name: str) -> tuple[str, ...]:
        with guard(name, "in schemes"):
            schemes: tuple[str, ...] = tuple(self._plugins.load("storage", name).schemes)
        return schemes

    async def call(
        self,
        storage: Storage,
        function: Callable[..., ResultT],
        *args: object,
        done: Callable[[], int] = lambda: 0,
        name: str = "",
    ) -> ResultT:
        """Call a method of a store in a thread, and again where it says so: all of them may be repeated.

        ``name`` is the method's, where the function is not it. ``done`` tells how far it is: a failure further on than
        any before counts as the first. One who is cancelled waits for nothing: whoever asks again goes on from what is
        there.
        """
        name = name or getattr(function, "__name__", "a call")
        tries, waited, before = 0, 0.0, done()
        while True:
            last: ProviderError
            try:
                work = partial(_guarded, storage.name, name, function, *args)
                result: ResultT = await self._workers.run(work, CALL_SECONDS, harmless=True)
                return result
            except Overdue:
                raise Transient(f"{storage.name} has not answered {name} within {CALL_SECONDS:g} s") from None
            except NotYet as answer:
                pause = seconds(answer.after)
                last = Transient(f"{storage.name}: still waiting for {answer.waiting_for}")
            except RateLimited as error:
                pause, last = seconds(error.retry_after or 2.0**tries), error
            except (Transient, OutcomeUnknown) as error:
                tries += 1
                pause, last = 0.1 * 2.0**tries, error
            if done() > before:
                tries, waited, before = 1, 0.0, done()
            waited += max(pause, SHORTEST_PAUSE)
            if tries >= TRANSIENT_TRIES or waited > DEADLINE:
                raise last
            await self._clock.sleep(max(pause, SHORTEST_PAUSE))

    async def objects(self, storage: Storage, uri: str, most: int | None = None, after: str = "") -> list[StoredObject]:
        """The objects at or below a URI; or ``most`` of them, the first behind that key."""

        def listed() -> list[StoredObject]:
            found = storage.list_after(uri, after) if after else storage.list(uri)
            return list(islice(_objects(found), most))

        return await self.call(storage, listed, name="list")

    async def buckets(self, storage: Storage) -> list[str]:
        """The buckets of this installation."""

        def listed() -> list[str]:
            return sorted(map(str, storage.buckets()))

        return await self.call(storage, listed, name="buckets")


def _guarded(plugin: str, name: str, function: Callable[..., ResultT], *args: object) -> ResultT:
    with guard(plugin, f"in {name}"):
        return function(*args)


def _objects(listed: Iterable[object]) -> Iterator[StoredObject]:
    for each in listed:
        if not isinstance(each, StoredObject):
            raise TypeError(f"it lists {each!r}, which is no StoredObject")
        yield each


def paths(files: Mapping[str, Any]) -> str:
    """Names for a message: the first three, and how many more there are."""
    shown = ", ".join(repr(name) for name in islice(files, 3))
    return f"{shown} and {len(files) - 3} more" if len(files) > 3 else shown  # noqa: PLR2004 - as many as are shown
