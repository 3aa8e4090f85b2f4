"""Rules about saying what is there."""

from __future__ import annotations

from datetime import datetime, timedelta

from styx.api import NotFound, StoredObject
from styx.testing.since import since
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf
from styx.testing.verdict import expect, refuses, succeeds

AT_OR_BELOW = "list() is the objects at or below the URI"
NESTED = {
    "data/a.txt": b"a",
    "data/sub/b.txt": b"bb",
    "data-2/c.txt": b"c",
    "database.txt": b"d",
}


class ListRules(StorageRules):
    """What list() must and must not do."""

    def test_objects_are_whole_and_typed(self, shelf: Shelf) -> None:
        """Each object tells its key, its size in bytes, and when it was written, in UTC."""
        bucket = shelf.bucket({"dir/a.txt": b"12345"})
        found = shelf.objects(bucket)
        good = len(found) == 1 and isinstance(found[0], StoredObject) and isinstance(found[0].modified_at, datetime)
        expect(
            good and found[0].size == 5 and found[0].modified_at.utcoffset() == timedelta(0),
            did=f"5 bytes at dir/a.txt are listed as {found}",
            contract="StoredObject(key, size in bytes, modified_at timezone-aware UTC)",
            change="take size and time from the listing; datetime.fromtimestamp(t, UTC)",
        )

    def test_times_are_those_of_writing(self, shelf: Shelf) -> None:
        """modified_at is when the object was last written: a later object is not older."""
        bucket = shelf.bucket({"first": b"1"})
        before = shelf.objects(bucket, "first")[0].modified_at
        shelf.driver.pause(0.01)
        shelf.put(bucket, "second", b"2")
        shelf.put(bucket, "first", b"again")
        later = {found.key: found.modified_at for found in shelf.objects(bucket)}
        expect(
            all(later[key] >= before for key in ("first", "second")),
            did=f"an object written at {before} was written again, and is now of {later['first']}; "
            f"one written after it is of {later['second']}",
            contract="modified_at is when it was last written",
            change="do not carry the source file's time over",
        )

    def test_keys_are_relative_to_the_bucket(self, shelf: Shelf) -> None:
        """A listing of a prefix tells whole keys, so that each can be used in a URI again."""
        bucket = shelf.bucket({"data/sub/b.txt": b"b"})
        found = shelf.keys(bucket, "data/")
        expect(
            found == ["data/sub/b.txt"],
            did=f"list(.../data/) tells the keys {found}",
            contract="StoredObject.key is relative to the bucket",
            change="do not cut the prefix off",
        )

    def test_listings_are_sorted(self, shelf: Shelf) -> None:
        """Objects come sorted by key, as texts compare, whatever the order they were written in."""
        keys = ("b", "a/z", "a-b", "a/b/c", "B", "a.txt", "10", "9", "é")
        bucket = shelf.bucket(dict.fromkeys(keys, b""))
        found = shelf.keys(bucket)
        expect(
            found == sorted(found),
            did=f"the order is {found}; sorted is {sorted(found)}",
            contract="list() is sorted by key",
            change="sort by the whole key as text; a directory walk sorts a/b before a-b",
        )

    def test_every_object_is_listed_once(self, shelf: Shelf) -> None:
        """A listing of the bucket is all of it, each object once."""
        files = {f"many/{n:04}.txt": b"x" for n in range(60)}
        bucket = shelf.bucket()
        shelf.upload(shelf.write(files), bucket)
        found = shelf.keys(bucket)
        expect(
            sorted(found) == sorted(files),
            did=f"of {len(files)} objects {len(set(found))} are listed, in {len(found)} rows",
            contract=AT_OR_BELOW,
            change="read all pages of the listing",
        )

    def test_a_prefix_lists_all_below_it(self, shelf: Shelf) -> None:
        """A key that ends in a slash names all below it, however deep."""
        bucket = shelf.bucket(NESTED)
        found = shelf.keys(bucket, "data/")
        expect(
            sorted(found) == ["data/a.txt", "data/sub/b.txt"],
            did=f"list(.../data/) is {found} of {sorted(NESTED)}",
            contract="a key ending in / names all below it",
            change="compare with the whole prefix, slash included, and go through every level",
        )

    def test_a_prefix_ends_at_a_slash(self, shelf: Shelf) -> None:
        """``data`` is not a prefix of ``database.txt``: keys are paths, not letters."""
        bucket = shelf.bucket(NESTED)
        found = shelf.keys(bucket, "data")
        strays = [key for key in found if key in {"data-2/c.txt", "database.txt"}]
        expect(
            not strays,
            did=f"list(.../data) shows {strays}",
            contract="list() is the objects at or below the URI: data itself and data/...",
            change="compare key == name or name.startswith(key + '/')",
        )

    def test_without_a_slash_it_lists_what_is_below_too(self, shelf: Shelf) -> None:
        """``data`` lists what is below ``data/``: users leave the slash out."""
        bucket = shelf.bucket(NESTED)
        found = shelf.keys(bucket, "data")
        expect(
            {"data/a.txt", "data/sub/b.txt"} <= set(found),
            did=f"list(.../data) is {found}",
            contract=AT_OR_BELOW,
            change="look below key + '/' as well",
        )

    def test_an_objects_own_key_lists_it(self, shelf: Shelf) -> None:
        """The URI of one object lists that object alone."""
        bucket = shelf.bucket({"dir/a.txt": b"a", "dir/a.txt.bak": b"b"})
        found = shelf.keys(bucket, "dir/a.txt")
        expect(
            found == ["dir/a.txt"],
            did=f"list(.../dir/a.txt) is {found}",
            contract=AT_OR_BELOW,
            change="look for the key itself, then below key + '/'",
        )

    @since(1, 1)
    def test_a_listing_begins_after_any_key(self, shelf: Shelf) -> None:
        """list_after() is list() without the keys up to one, whether or not that is there or below the URI."""
        bucket = shelf.bucket(NESTED)
        for key in ("", "data", "data/sub/", "database.txt"):
            whole = shelf.keys(bucket, key)
            for after in ("a", *NESTED, "data/", "data/b", "data/sub", "data0", "database.txt/x", "z"):
                found = shelf.keys_after(after, bucket, key)
                expected = [each for each in whole if each > after]
                expect(
                    found == expected,
                    did=f"list_after(.../{key}, {after!r}) is {found} and not {expected}",
                    contract="list_after() is the objects of list() whose keys sort after the given one",
                    change="compare whole keys as text, and leave out the given one itself",
                )

    def test_an_empty_prefix_is_empty(self, shelf: Shelf) -> None:
        """Nothing below a prefix of a bucket that is there is an empty list."""
        bucket = shelf.bucket({"a.txt": b"a"})
        contract, change = "an empty prefix is empty", "return nothing when nothing matches"
        with succeeds("list(.../nothing/here/)", contract=contract, change=change):
            found = shelf.keys(bucket, "nothing/here/")
        expect(found == [], did=f"list(.../nothing/here/) is {found}", contract=contract, change=change)

    def test_a_missing_bucket_is_not_found(self, shelf: Shelf) -> None:
        """Listing a bucket that does not exist is NotFound: a slip in a name must not look like no data."""
        with refuses(
            "list() of a bucket that does not exist",
            NotFound,
            contract="a missing bucket is NotFound",
            change="map the provider's no-such-bucket to NotFound; raise it before the first object is asked for",
        ):
            shelf.keys(shelf.name())
