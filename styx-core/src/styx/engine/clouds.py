"""The clouds this installation can use, and how core calls them: in threads, within deadlines, with its own retries."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from styx.api.cloud import Cloud, Identity
from styx.api.errors import AuthFailed, BadInput, NotYet, RateLimited, StoreError, StyxError, Transient, WrongAccount
from styx.api.services import Clock, Services
from styx.config import Config
from styx.engine import answers
from styx.plugins.isolation import failure, guard
from styx.plugins.manager import PluginManager

CALLS_AT_ONCE = 8  # per account
TRANSIENT_TRIES = 5
SHORTEST_PAUSE = 0.02  # seconds, for a provider that says "again, at once"
DEFAULT_ACCOUNT = "default"

ResultT = TypeVar("ResultT")


# How the answer of each method of a cloud is checked; that of `offers` and `launch` where they are called.
_ANSWERS: Mapping[str, Callable[[object], object]] = {
    "check": answers.identity,
    "prepare": answers.prepared,
    "prepare_start": answers.prepared,
    "observe": answers.observation,
}


def _seconds(said: object) -> float:
    """The pause that a provider asks for, or a second where that is no length of time."""
    known = isinstance(said, int | float) and 0 <= said < math.inf
    return float(said) if known else 1.0  # type: ignore[arg-type]


class CloudAccount:
    """One account of one cloud. Calls go through :meth:`call`, which does the waiting the provider must not do."""

    def __init__(self, cloud: Cloud, account: str, clock: Clock) -> None:
        self.cloud = cloud
        self.account = account
        self._clock = clock
        self._threads: ThreadPoolExecutor | None = None
        self._identity: Identity | None = None
        self._asking: asyncio.Task[Identity] | None = None

    async def call(self, function: Callable[..., ResultT], *args: object, deadline: float = 300.0) -> ResultT:
        """Call a method of the cloud until it answers, at most ``deadline`` seconds.

        Repeats on NotYet, RateLimited and (a few times) Transient; every other error is the caller's. A cancelled call
        is waited for, because its answer must not be lost, and then the cancellation goes on.
        """
        give_up_at = self._clock.monotonic() + deadline
        tries = 0
        last: StyxError
        while True:
            try:
                return await self._in_thread(partial(self._guarded, function, *args))
            except NotYet as answer:
                pause, last = (
                    max(_seconds(answer.after), SHORTEST_PAUSE),
                    Transient(f"{self.cloud.name}: still waiting for {answer.waiting_for}"),
                )
            except RateLimited as error:
                pause, last = _seconds(error.retry_after or 2.0**tries), error
                tries += 1
            except Transient as error:
                tries += 1
                if tries >= TRANSIENT_TRIES:
                    raise
                pause, last = 0.1 * 2.0**tries, error
            if self._clock.monotonic() + pause > give_up_at:
                raise last
            await self._clock.sleep(pause)

    async def identity(self) -> Identity:
        """Who the credentials say we are; asked once per process."""
        if self._identity is None:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.ensure_future(self.call(self.cloud.check))
            self._identity = await asyncio.shield(self._asking)  # whoever else wants to know waits for the same answer
        return self._identity

    async def require_identity(self, expected: str) -> None:
        """Raise WrongAccount unless the credentials are those ``expected`` was recorded with."""
        found = (await self.identity()).account
        if expected and found != expected:
            raise WrongAccount(
                f"cloud {self.cloud.name!r} is now used as {found!r}, but this was made as {expected!r}",
                hint="Switch back to the credentials it was made with; nothing was changed.",
                expected=expected,
                found=found,
            )

    def _guarded(self, function: Callable[..., ResultT], *args: object) -> ResultT:
        name = getattr(function, "__name__", "a call")
        with guard(self.cloud.name, f"in {name}"):
            try:
                answer = function(*args)
            except (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError) as error:
                # Real ones come to the main thread and to the loop; one from here would take the loop down.
                raise failure(self.cloud.name, f"in {name}", error) from error
            check = _ANSWERS.get(name)
            if check is not None:
                check(answer)
            return answer

    async def _in_thread(self, function: Callable[[], ResultT]) -> ResultT:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix=f"styx-{self.cloud.name}")
        future = asyncio.get_running_loop().run_in_executor(self._threads, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait({future})
            raise

    def close(self) -> None:
        """Let the threads go."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)


class Clouds:
    """All usable clouds by name; each is made when first asked for."""

    def __init__(self, plugins: PluginManager, config: Config, home: Path, installation: str, clock: Clock) -> None:
        self._plugins = plugins
        self._config = config
        self._home = home
        self._installation = installation
        self._clock = clock
        self._made: dict[tuple[str, str], CloudAccount] = {}

    def names(self) -> list[str]:
        """The clouds that are installed, in order, and allowed by the configuration."""
        allowed = self._config.allowed_clouds
        return [name for name in self._plugins.names("cloud") if allowed is None or name in allowed]

    def get(self, name: str, account: str = DEFAULT_ACCOUNT) -> CloudAccount:
        """The account of that cloud. Raises PluginError when the plugin cannot be used, AuthFailed without one."""
        key = (name, account or DEFAULT_ACCOUNT)
        if key not in self._made:
            if key[1] != DEFAULT_ACCOUNT:
                raise AuthFailed(f"cloud {name!r} has no account {account!r}", hint="Leave out --account.")
            if self._config.allowed_clouds is not None and name not in self._config.allowed_clouds:
                raise BadInput(f"cloud {name!r} is not in allowed_clouds", hint="Change config.yaml to allow it.")
            cloud = self._plugins.create("cloud", name, self.services("cloud", name))
            assert isinstance(cloud, Cloud)
            self._made[key] = CloudAccount(cloud, key[1], self._clock)
        return self._made[key]

    def services(self, kind: str, name: str) -> Services:
        """The surroundings for one plugin object of this installation."""
        state_dir = self._home / name if kind == "cloud" else self._home / f"{kind}-{name}"
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make {state_dir}: {error.strerror}", hint="Set STYX_HOME elsewhere.") from error
        return Services(
            installation=self._installation,
            account=DEFAULT_ACCOUNT,
            config=self._config.section(kind, name),
            state_dir=state_dir,
            clock=self._clock,
            log=logging.getLogger(f"styx.{kind}.{name}"),
        )

    def close(self) -> None:
        """Let all threads go."""
        for account in self._made.values():
            account.close()
