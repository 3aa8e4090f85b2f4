"""Rules about buckets: made, listed and removed, ours and no others'."""

from __future__ import annotations

import contextlib

from styx.api import Conflict, NotFound, ProviderError, Storage
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf
from styx.testing.verdict import expect, refuses, succeeds


class BucketRules(StorageRules):
    """What create(), delete() and buckets() must and must not do."""

    def test_a_new_bucket_is_there_and_empty(self, shelf: Shelf) -> None:
        """create() makes a bucket that can be listed and holds nothing."""
        name = shelf.name()
        shelf.create(name)
        found = shelf.keys(name)
        expect(
            found == [],
            did=f"the new bucket {name} holds {found}",
            contract="create() makes the bucket; an empty one is an empty list, not an error",
            change="make the bucket before create() returns",
        )

    def test_create_again_succeeds(self, shelf: Shelf) -> None:
        """Creating what is ours already is success."""
        name = shelf.bucket()
        with succeeds(
            "creating our own bucket again",
            contract="create() is idempotent for our own",
            change="when the provider says that the name is taken, look whether it is ours",
        ):
            shelf.create(name)

    def test_create_again_keeps_the_objects(self, shelf: Shelf) -> None:
        """Creating what is ours already changes nothing in it."""
        name = shelf.bucket({"kept.txt": b"kept"})
        with contextlib.suppress(ProviderError):  # another rule's business
            shelf.create(name)
        left = shelf.keys(name)
        expect(
            left == ["kept.txt"],
            did=f"the bucket held kept.txt and, created again, holds {left}",
            contract="create() is idempotent: the second call changes nothing",
            change="do not remove and make it anew",
        )

    def test_another_installations_name_is_a_conflict(self, shelf: Shelf, neighbour: Storage) -> None:
        """A name that somebody else has is Conflict, so that two users never share a bucket by accident."""
        name = shelf.bucket(storage=neighbour)
        with refuses(
            "creating a bucket whose name another installation has",
            Conflict,
            contract="Conflict when somebody else has the name",
            change="mark buckets with services.installation (a tag, a label, a marker object) and compare",
        ):
            shelf.create(name)

    def test_delete_removes_the_bucket(self, shelf: Shelf) -> None:
        """After delete() the bucket is gone, with all that was in it."""
        name = shelf.bucket({"a.txt": b"a", "deep/er/b.txt": b"b"})
        shelf.delete(name)
        with refuses(
            f"list() after delete({name!r})",
            NotFound,
            contract="delete() removes the bucket and all in it",
            change="remove the objects, versions and unfinished uploads first, then the bucket",
        ):
            shelf.keys(name)

    def test_delete_of_a_missing_bucket_succeeds(self, shelf: Shelf) -> None:
        """Removing what is not there is success, whether it was removed before or never was."""
        never, gone = shelf.name(), shelf.bucket()
        for name, what in ((never, "a bucket that never was"), (gone, "a bucket"), (gone, "that bucket again")):
            with succeeds(
                f"deleting {what}",
                contract="delete() is idempotent: a missing bucket is success",
                change="swallow the provider's not-found",
            ):
                shelf.delete(name)

    def test_a_bucket_made_anew_is_empty(self, shelf: Shelf) -> None:
        """What was in a bucket before it was deleted does not come back with its name."""
        name = shelf.bucket({"old.txt": b"old"})
        shelf.delete(name)
        shelf.create(name)
        found = shelf.keys(name)
        expect(
            found == [],
            did=f"deleted and made anew, {name} holds {found}",
            contract="delete() removes the bucket and all in it",
            change="remove the objects, not only the bucket's entry",
        )

    def test_another_installations_bucket_is_not_deleted(self, shelf: Shelf, neighbour: Storage) -> None:
        """What belongs to another installation stays, whoever asks for its removal by mistake."""
        name = shelf.bucket({"theirs.txt": b"theirs"}, storage=neighbour)
        with contextlib.suppress(ProviderError):  # refusing loudly is fine
            shelf.delete(name)
        left = shelf.keys(name, storage=neighbour) if name in shelf.buckets(neighbour) else []
        expect(
            left == ["theirs.txt"],
            did=f"delete() of another installation's bucket left {left} of ['theirs.txt']",
            contract="a provider never touches what another installation owns",
            change="raise Conflict unless the bucket is marked with services.installation",
        )

    def test_buckets_names_our_own(self, shelf: Shelf) -> None:
        """buckets() lists every bucket of this installation, once."""
        names = [shelf.bucket(), shelf.bucket()]
        listed = shelf.buckets()
        expect(
            all(listed.count(name) == 1 for name in names),
            did=f"of our buckets {names} it lists {[name for name in listed if name in names]}",
            contract="buckets() names the buckets that belong to this installation",
            change="read all pages of the listing",
        )

    def test_buckets_leaves_others_out(self, shelf: Shelf, neighbour: Storage) -> None:
        """buckets() does not name what another installation of the same account holds."""
        theirs = shelf.bucket(storage=neighbour)
        expect(
            theirs not in shelf.buckets(),
            did=f"it lists {theirs}, which belongs to another installation",
            contract="buckets() names the buckets that belong to this installation",
            change="compare the mark that create() left with services.installation",
        )

    def test_buckets_leaves_deleted_ones_out(self, shelf: Shelf) -> None:
        """buckets() does not name what is gone."""
        name = shelf.bucket()
        shelf.delete(name)
        expect(
            name not in shelf.buckets(),
            did=f"{name} is listed after delete()",
            contract="buckets() names what is there",
            change="ask the provider; keep no list of your own",
        )
