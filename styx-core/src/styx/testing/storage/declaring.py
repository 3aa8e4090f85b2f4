"""Rules about the object itself: what it declares, how it is made, whether it can be used."""

from __future__ import annotations

import re

from styx.api import ProviderError, Storage
from styx.testing.driver import Driver
from styx.testing.provider import MakingRules
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf
from styx.testing.verdict import expect, refuses, succeeds
from styx.testing.watch import naps


class DeclarationRules(StorageRules, MakingRules):
    """Declaration, construction, check."""

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

    def test_check_succeeds_and_again(self, storage: Storage, driver: Driver) -> None:
        """check() passes for a store that can be used, as often as it is asked."""
        with succeeds(
            "check()",
            contract="check() raises only when the store cannot be used, and is safe to repeat",
            change="make one cheap call that changes nothing; or mend the credentials this test runs with",
        ):
            for _ in range(2):
                driver.call(storage.check, what="check()")

    def test_a_foreign_uri_is_refused(self, shelf: Shelf) -> None:
        """A URI of another scheme is refused, not taken for one of ours."""
        bucket = shelf.bucket({"a.txt": b"a"})
        foreign = f"no-such-scheme://{bucket}/a.txt"
        with refuses(
            f"list({foreign!r})",
            ProviderError,
            contract="a URI is scheme://bucket/key with one of `schemes`",
            change="raise InvalidRequest for any other scheme",
        ):
            shelf.driver.call(lambda: list(shelf.storage.list(foreign)), what="list()")

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
