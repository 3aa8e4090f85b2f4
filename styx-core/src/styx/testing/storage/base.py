"""The fixtures that all rules for stores share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, NoReturn

import pytest

from styx.api import Clock, Storage
from styx.testing.driver import Driver
from styx.testing.provider import ProviderRules
from styx.testing.storage.shelf import Shelf

ODD_KEYS = (
    "with space.txt",
    "100%/a%20b.txt",
    "a+b=c&d,e;f.txt",
    "question?.txt",
    "hash#tag.txt",
    "quote'\"$HOME`x`.txt",
    ".hidden/.file",
    "-dash/--flag",
    "Grüße/日本語/😀.txt",
    "dots...txt",
    f"{'l' * 200}.txt",
)


class StorageRules(ProviderRules):
    """What a rule for stores has at hand. ``storage`` is the author's to define."""

    contract_kind: ClassVar[str] = "storage"

    @pytest.fixture
    def storage(self) -> NoReturn:
        """The store to test: an object made with :func:`styx.testing.services`."""
        pytest.fail(
            "define the fixture `storage`: it returns your Storage, made with styx.testing.services(tmp_path, ...)"
        )

    @pytest.fixture
    def provider(self, storage: Storage) -> Storage:
        """The store."""
        return storage

    @pytest.fixture
    def driver(self, clock: Clock) -> Driver:
        """What calls the store."""
        return Driver(clock, patience=60.0)

    @pytest.fixture
    def scheme(self, storage: Storage) -> str:
        """The scheme of the URIs."""
        return storage.schemes[0]

    @pytest.fixture
    def bucket_names(self) -> Callable[[], str]:
        """Makes names of buckets that nobody has."""
        return lambda: f"styx-conformance-{secrets.token_hex(6)}"

    @pytest.fixture
    def odd_keys(self) -> tuple[str, ...]:
        """Keys that are legal and that careless code stumbles over."""
        return ODD_KEYS

    @pytest.fixture
    def shelf(
        self, storage: Storage, scheme: str, bucket_names: Callable[[], str], driver: Driver, tmp_path: Path
    ) -> Iterator[Shelf]:
        """The means to use the store; whatever buckets it made are removed."""
        shelf = Shelf(storage, scheme, bucket_names, driver, tmp_path / "shelf")
        yield shelf
        shelf.clean_up()
