"""Files in the stores of a server: listed and planned as in this process, by way of the server's own credentials.

What is copied between a store and this machine goes through the server, one object a request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from urllib3.exceptions import HTTPError

from styx.api.errors import StyxError, Transient, from_wire
from styx.api.storage import Moved, Storage, StoredObject
from styx.client.loop import LoopThread
from styx.client.storage import EmbeddedStorage
from styx.client.wire import load
from styx.config import home
from styx.engine.storage.stores import CALL_SECONDS, CALLS_AT_ONCE, Stores
from styx.engine.storage.uri import Uri
from styx.engine.storage.work import BucketInfo, StorageWork
from styx.engine.workers import Workers

if TYPE_CHECKING:
    from styx.client.remote.http import Http

T = TypeVar("T")
_ALL = "/v1/storage"
_OBJECTS, _OBJECT, _BUCKETS, _PRESIGN = (f"{_ALL}/{part}" for part in ("objects", "object", "buckets", "presign"))
_PIECE = 1 << 18
_PAGE = 999  # with the one by which the server knows that there are more, as many as S3 tells at once


class RemoteStorage(EmbeddedStorage):
    """The same work on the stores of a server."""

    def __init__(self, http: Http) -> None:
        self._loop = LoopThread()
        self._remote = Work(http)

    @property
    def _work(self) -> StorageWork:
        return self._remote

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run(work)

    def close(self) -> None:
        """End the thread in which files are moved."""
        self._loop.close()


class Work(StorageWork):
    """Its stores are the server's. Which buckets there are the server says in one answer."""

    def __init__(self, http: Http) -> None:
        self._stores = self.stores = _Stores(http)
        self._home = home()

    async def buckets(self) -> tuple[list[BucketInfo], dict[str, StyxError]]:
        """See :class:`~styx.engine.storage.work.StorageWork`."""
        said = await self._stores.ask("GET", _ALL)
        problems = {name: from_wire(problem) for name, problem in said.get("problems", {}).items()}
        return load(list[BucketInfo], said["items"]), problems

    async def presign(self, uri: str, seconds: int, *, writing: bool = False) -> str:
        """See :class:`~styx.engine.storage.work.StorageWork`."""
        said = await self._stores.ask("POST", _PRESIGN, {"uri": uri, "seconds": seconds, "writing": writing})
        return load(str, said["url"])

    async def _named(self) -> tuple[list[tuple[Storage, list[str]]], dict[str, StyxError]]:
        found, problems = await self.buckets()
        return [(self.stores.of(each.uri), [Uri.parse(each.uri).bucket]) for each in found], problems


class _Stores(Stores):
    """One store for each scheme; what the server has none for, it says when it is asked."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._of: dict[str, Storage] = {}
        self._threads: Workers[Any] = Workers(CALLS_AT_ONCE, "styx-storage")

    def of(self, uri: str) -> Storage:
        scheme = uri.partition("://")[0]
        return self._of.setdefault(scheme, _Store(self._http, scheme))

    async def call(
        self,
        storage: Storage,
        function: Callable[..., T],
        *args: object,
        done: Callable[[], int] = lambda: 0,
        name: str = "",
    ) -> T:
        """In a thread, once: the connection repeats what may be, and the server what its stores ask it to."""
        del storage, done, name
        result: T = await self._threads.run(partial(function, *args), CALL_SECONDS, harmless=True)
        return result

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        """What the server says to something that is about no store, or that it finds the store for."""
        return await self._threads.run(partial(self._http.json, method, path, body), CALL_SECONDS, harmless=True)


class _Store(Storage):
    """The store that a server uses for a scheme."""

    def __init__(self, http: Http, scheme: str) -> None:
        self._http = http
        self.name = scheme  # type: ignore[misc]
        self.schemes = (scheme,)  # type: ignore[misc]

    def check(self) -> None:
        """What is wrong with it the server says with each answer."""

    def create(self, bucket: str) -> None:
        self._http.json("POST", _BUCKETS, {"uri": self._uri(bucket)})

    def delete(self, bucket: str) -> None:
        self._http.json("DELETE", _BUCKETS, query={"uri": self._uri(bucket)})

    def buckets(self) -> Iterable[str]:
        return ()  # the server tells those of all stores at once

    def list(self, uri: str) -> Iterator[StoredObject]:
        for each in self._http.pages(_OBJECTS, uri=uri, limit=_PAGE):
            yield load(StoredObject, each)

    def upload(self, source: Path, uri: str) -> None:
        place = Uri.parse(uri)
        self.put(place.bucket, {place.key: source})

    def download(self, uri: str, target: Path) -> None:
        place = Uri.parse(uri)
        self.get(place.bucket, {place.key: target})

    def put(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        for key, path in files.items():
            content = partial(_read, path, moved)
            self._http.put(_OBJECT, content, path.stat().st_size, {"uri": self._uri(bucket, key)})

    def get(self, bucket: str, files: Mapping[str, Path], moved: Moved | None = None) -> None:
        for key, path in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.part")
            answer = self._http.stream(_OBJECT, query={"uri": self._uri(bucket, key)})
            try:
                with draft.open("wb") as file:
                    for piece in answer.stream(_PIECE):
                        file.write(piece)
                        if moved is not None:
                            moved(len(piece))
            except HTTPError as error:
                raise Transient(f"{self._uri(bucket, key)} came only in part: {error}") from error
            finally:
                answer.close()
            draft.replace(path)

    def remove(self, bucket: str, keys: Collection[str]) -> None:
        for key in keys:
            self._http.json("DELETE", _OBJECT, query={"uri": self._uri(bucket, key)})

    def _uri(self, bucket: str, key: str = "") -> str:
        return str(Uri(self.schemes[0], bucket, key))


def _read(path: Path, moved: Moved | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
            if moved is not None:
                moved(len(piece))
