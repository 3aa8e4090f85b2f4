"""Rules about more than one at a time: threads, clients, readers and writers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from styx.api import Storage
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf
from styx.testing.verdict import expect

SIZE = 1 << 18  # bytes; large enough to be written in several pieces


class SharingRules(StorageRules):
    """What holds when several use the store at once."""

    def test_a_fresh_object_sees_the_same(self, shelf: Shelf, fresh: Callable[[], Storage]) -> None:
        """A provider remembers nothing: what one object stored, the next one finds."""
        bucket = shelf.bucket({"a.txt": b"a"})
        other = fresh()
        seen = (shelf.keys(bucket, storage=other), bucket in shelf.buckets(other))
        expect(
            seen == (["a.txt"], True),
            did=f"one object stored a.txt; a fresh one lists {seen[0]} and {'has' if seen[1] else 'lacks'} the bucket",
            contract="a provider never remembers; a killed client loses nothing",
            change="answer from the store, not from what this object did",
        )

    def test_threads_do_not_disturb_each_other(self, shelf: Shelf) -> None:
        """Objects are thread-safe: eight threads that upload at once all arrive."""
        bucket = shelf.bucket()
        wanted = {f"thread-{n}/{m}.txt": f"{n} {m}".encode() for n in range(8) for m in range(4)}
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(shelf.put, bucket, key, data) for key, data in wanted.items()]:
                done.result()
        lost = [key for key, data in wanted.items() if shelf.get(bucket, key) != data]
        expect(
            not lost and set(shelf.keys(bucket)) == set(wanted),
            did=f"of {len(wanted)} objects that 8 threads uploaded these are missing or differ: {lost[:5]}",
            contract="methods are called from threads, several at a time",
            change="keep no per-call state on the object; give each thread its own SDK session if the SDK needs that",
        )

    def test_readers_never_see_half_an_object(self, shelf: Shelf) -> None:
        """While an object is replaced, readers get the old one or the new one, whole."""
        versions = [bytes([65 + n]) * SIZE for n in range(4)]
        bucket = shelf.bucket({"model.bin": versions[0]})
        over, torn = threading.Event(), list[str]()

        def read() -> None:
            while not over.is_set():
                seen = shelf.get(bucket, "model.bin")
                if seen not in versions:
                    torn.append(_describe(seen))

        readers = [threading.Thread(target=read, daemon=True) for _ in range(2)]
        for reader in readers:
            reader.start()
        for _ in range(3):
            for version in versions:
                shelf.put(bucket, "model.bin", version)
        over.set()
        for reader in readers:
            reader.join()
        expect(
            not torn,
            did=f"while an object was being replaced, readers saw {torn[0] if torn else ''} ({len(torn)} times)",
            contract="each object is replaced whole or not at all",
            change="write the new object under another name on the same disk, and rename it over the old one",
        )

    def test_writers_of_one_key_leave_one_version(self, shelf: Shelf) -> None:
        """When several write one key at once, one of them wins, whole."""
        versions = [bytes([65 + n]) * (SIZE - n) for n in range(4)]
        bucket = shelf.bucket({"model.bin": b""})
        begin = threading.Barrier(len(versions))

        def write(version: bytes) -> None:
            begin.wait()
            shelf.put(bucket, "model.bin", version)

        left: list[bytes | None] = []
        for _ in range(3):
            with ThreadPoolExecutor(len(versions)) as pool:
                list(pool.map(write, versions))
            left.append(shelf.get(bucket, "model.bin"))
        keys = shelf.keys(bucket)
        expect(
            all(each in versions for each in left) and keys == ["model.bin"],
            did=f"four writers of one key left {'; '.join(map(_describe, left))} and the keys {keys}",
            contract="each object is replaced whole or not at all",
            change="give each upload a temporary name of its own, which listings do not show",
        )


def _describe(data: bytes | None) -> str:
    if data is None:
        return "nothing"
    kinds = sorted({chr(byte) for byte in data})
    return f"{len(data)} bytes of {', '.join(kinds) or 'nothing'}"
