"""Rules about the object itself: what it declares, how it is made, whether it can be used."""

from __future__ import annotations

import re
from collections.abc import Callable

from styx.api import ProviderError, Storage
from styx.testing.driver import Driver
from styx.testing.storage.base import FRESH, StorageRules
from styx.testing.storage.shelf import Shelf
from styx.testing.verdict import expect
from styx.testing.watch import naps, network_attempts


class DeclarationRules(StorageRules):
    """Declaration, construction, check."""

    def test_name_fits_into_commands_and_manifests(self, storage: Storage) -> None:
        """A store's name is lower case, a letter first: users type it and manifests list it."""
        name = getattr(storage, "name", None)
        expect(
            isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name),
            did=f"its name is {name!r}",
            contract="`name` is lower-case letters, digits and hyphens, a letter first",
            change="set the class variable `name` to what the manifest calls the store",
        )

    def test_schemes_are_those_of_uris(self, storage: Storage) -> None:
        """A store names the schemes of its URIs, as they are written before ``://``."""
        schemes = getattr(storage, "schemes", None)
        good = isinstance(schemes, tuple) and schemes
        expect(
            good and all(isinstance(s, str) and re.fullmatch(r"[a-z][a-z0-9+.-]*", s) for s in schemes or ()),
            did=f"its schemes are {schemes!r}",
            contract="`schemes` is a tuple of URI schemes, lower case, without ://",
            change='set the class variable `schemes = ("...",)`',
        )

    def test_making_the_object_needs_no_network(self, storage: Storage, fresh: Callable[[], Storage]) -> None:
        """The constructor keeps its services and does nothing else."""
        del storage
        with network_attempts() as attempts:
            try:
                fresh()
            except OSError:
                if not attempts:
                    raise
        expect(
            not attempts,
            did=f"__init__ reached for the network: {', '.join(attempts)}",
            contract="a store that is not reachable must still be constructible",
            change="make the SDK's client on first use",
        )

    def test_the_object_can_be_made_again(self, storage: Storage, fresh: Callable[[], Storage]) -> None:
        """Two objects of one account live side by side: each client has its own."""
        try:
            second = fresh()
        except Exception as error:  # noqa: BLE001 - whatever it is, the author should read it as a broken rule
            problem = f"a second {type(storage).__name__}(services) raised {type(error).__name__}: {error}"
        else:
            problem = "" if second is not storage else "a second construction returned the first object"
        expect(not problem, did=problem, contract="one object per client; __init__ takes services alone", change=FRESH)

    def test_check_succeeds_and_again(self, storage: Storage, driver: Driver) -> None:
        """check() passes for a store that can be used, as often as it is asked."""
        try:
            for _ in range(2):
                driver.call(storage.check, what="check()")
            problem = ""
        except ProviderError as error:
            problem = f"{type(error).__name__}: {error}"
        expect(
            not problem,
            did=f"check() raised {problem}",
            contract="check() raises only when the store cannot be used, and is safe to repeat",
            change="make one cheap call that changes nothing; or mend the credentials this test runs with",
        )

    def test_a_foreign_uri_is_refused(self, shelf: Shelf) -> None:
        """A URI of another scheme is refused, not taken for one of ours."""
        bucket = shelf.bucket({"a.txt": b"a"})
        foreign = f"no-such-scheme://{bucket}/a.txt"
        try:
            found = shelf.driver.call(lambda: list(shelf.storage.list(foreign)), what="list()")
        except ProviderError:
            return
        expect(
            False,
            did=f"list({foreign!r}) answered {found}",
            contract="a URI is scheme://bucket/key with one of `schemes`",
            change="raise InvalidRequest for any other scheme",
        )

    def test_calls_never_sleep(self, shelf: Shelf) -> None:
        """Waiting is core's: no call sleeps, neither for a bucket to appear nor before a retry."""
        with naps() as taken:
            bucket = shelf.bucket({"a.txt": b"a"})
            shelf.keys(bucket)
            shelf.get(bucket, "a.txt")
            shelf.delete(bucket)
        expect(
            not taken,
            did=f"calls slept {len(taken)} times, {sum(taken):g} s in all",
            contract="a provider never sleeps or retries; core does that once, for all of them",
            change="raise NotYet or Transient instead of waiting, and switch the SDK's own retries off",
        )
