"""Rules about bringing files into the store."""

from __future__ import annotations

from styx.api import NotFound, ProviderError
from styx.testing.storage.base import StorageRules
from styx.testing.storage.shelf import Shelf, read_tree
from styx.testing.verdict import expect, refuses

BINARY = bytes(range(256)) * 1024  # 256 KiB that no text mode survives


class UploadRules(StorageRules):
    """What upload() must and must not do."""

    def test_an_uploaded_file_comes_back(self, shelf: Shelf) -> None:
        """What was uploaded under a key is downloaded from it, byte for byte. Most other tests stand on this one."""
        bucket = shelf.name()
        shelf.create(bucket)
        shelf.put(bucket, "dir/file.bin", BINARY)
        back = shelf.download(bucket, "dir/file.bin").read_bytes()
        expect(
            back == BINARY,
            did=f"{len(BINARY)} bytes went up and {len(back)} came back, {'' if back == BINARY else 'not '}the same",
            contract="upload() copies a file to the key, download() copies it back",
            change="open files in binary mode, and check that the last part is sent",
        )

    def test_empty_files_are_objects(self, shelf: Shelf) -> None:
        """A file of no bytes is an object of no bytes."""
        bucket = shelf.bucket()
        shelf.put(bucket, "empty", b"")
        found = [(o.key, o.size) for o in shelf.objects(bucket)]
        expect(
            found == [("empty", 0)] and shelf.get(bucket, "empty") == b"",
            did=f"an empty file was uploaded; the bucket holds {found}, and it reads {shelf.get(bucket, 'empty')!r}",
            contract="upload() copies a file to the key, whatever its size",
            change="do not test contents for truth; b'' is contents",
        )

    def test_upload_replaces(self, shelf: Shelf) -> None:
        """Uploading to a key that has an object replaces it, whole: no tail of the longer one stays."""
        bucket = shelf.bucket({"a.txt": b"a longer first version"})
        shelf.put(bucket, "a.txt", b"second")
        back = shelf.get(bucket, "a.txt")
        expect(
            back == b"second",
            did=f"after 'second' was uploaded over a longer object it reads {back!r}",
            contract="each object is replaced whole or not at all",
            change="write the new object beside the old one and rename it over",
        )

    def test_a_directorys_contents_go_below_the_key(self, shelf: Shelf) -> None:
        """Uploading a directory copies its contents below the key, without the directory's own name."""
        files = {"top.txt": b"1", "sub/deep/er.txt": b"2", "sub/empty": b"", ".dot": b"3"}
        bucket = shelf.bucket()
        shelf.upload(shelf.write(files), bucket, "data/")
        found, wanted = shelf.keys(bucket), sorted(f"data/{name}" for name in files)
        expect(
            sorted(found) == wanted,
            did=f"a directory of {sorted(files)} uploaded to data/ gave {found}",
            contract="upload() copies a directory's contents below the key, nested ones and dot files too",
            change="walk the tree, and join the key with each path relative to the directory",
        )

    def test_a_directory_can_go_to_the_top(self, shelf: Shelf) -> None:
        """An empty key names the whole bucket: a directory's contents go to its top."""
        bucket = shelf.bucket()
        shelf.upload(shelf.write({"a.txt": b"a", "b/c.txt": b"c"}), bucket)
        found = shelf.keys(bucket)
        expect(
            sorted(found) == ["a.txt", "b/c.txt"],
            did=f"a directory of a.txt and b/c.txt uploaded to the bucket gave {found}",
            contract="a key that is empty names all below it",
            change="do not put a slash before keys when the prefix is empty",
        )

    def test_a_directory_needs_no_slash(self, shelf: Shelf) -> None:
        """A directory goes below its key whether or not the key ends in a slash."""
        bucket = shelf.bucket()
        shelf.upload(shelf.write({"a.txt": b"a"}), bucket, "data")
        found = shelf.keys(bucket)
        expect(
            found == ["data/a.txt"],
            did=f"a directory of a.txt uploaded to the key 'data' gave {found}",
            contract="upload() copies a directory's contents below the key",
            change="add the slash if it is not there",
        )

    def test_upload_leaves_others_alone(self, shelf: Shelf) -> None:
        """Copying a directory into a prefix removes nothing that is there already."""
        bucket = shelf.bucket({"data/old.txt": b"old", "other.txt": b"other"})
        shelf.upload(shelf.write({"new.txt": b"new"}), bucket, "data/")
        found = shelf.keys(bucket)
        expect(
            sorted(found) == ["data/new.txt", "data/old.txt", "other.txt"],
            did=f"new.txt was uploaded to data/ beside old.txt, and the bucket holds {found}",
            contract="upload() copies; only delete() removes",
            change="do not synchronise: keep what the source does not have",
        )

    def test_odd_keys_survive(self, shelf: Shelf, odd_keys: tuple[str, ...]) -> None:
        """Keys are taken as they are: spaces, percent signs, quotes and other scripts come back unchanged."""
        files = {key: key.encode() for key in odd_keys}
        bucket = shelf.bucket()
        shelf.upload(shelf.write(files), bucket, "odd/")
        listed = {key.removeprefix("odd/") for key in shelf.keys(bucket)}
        changed = sorted(set(files) ^ listed) or [k for k in files if shelf.get(bucket, f"odd/{k}") != files[k]]
        expect(
            not changed,
            did=f"these keys were lost, changed, or read otherwise: {changed}",
            contract="a URI is scheme://bucket/key, and the key is the text after the bucket, as it is",
            change="split the URI at the first slashes yourself; urlparse takes ? and # apart and unquote takes %20",
        )

    def test_upload_to_a_missing_bucket_is_not_found(self, shelf: Shelf) -> None:
        """A bucket is made by create() alone, not by a slip in a URI."""
        with refuses(
            "upload() into a bucket that does not exist",
            NotFound,
            contract="NotFound: the thing named does not exist",
            change="raise NotFound, and make buckets in create() only",
        ):
            shelf.put(shelf.name(), "a.txt", b"a")

    def test_upload_of_nothing_is_refused(self, shelf: Shelf) -> None:
        """A source that does not exist is a provider error, and changes nothing."""
        bucket = shelf.bucket({"a.txt": b"a"})
        try:
            shelf.upload(shelf.scratch() / "missing", bucket, "a.txt")
            problem = "succeeded"
        except ProviderError:
            problem = ""
        left = shelf.get(bucket, "a.txt")
        expect(
            not problem and left == b"a",
            did=f"upload() of a path that does not exist {problem or 'was refused'}; the object then reads {left!r}",
            contract="a provider raises ProviderErrors; each object is replaced whole or not at all",
            change="look at the source first, and raise InvalidRequest(field='source')",
        )

    def test_trees_survive_the_round_trip(self, shelf: Shelf, odd_keys: tuple[str, ...]) -> None:
        """A directory that goes up and comes down is the same directory."""
        files = {f"tree/{n}/{key}": f"{n} {key}".encode() for n in range(3) for key in odd_keys}
        files |= {"binary": BINARY, "empty": b""}
        source, bucket = shelf.write(files), shelf.bucket()
        shelf.upload(source, bucket, "run-1/")
        back = read_tree(shelf.download(bucket, "run-1/"))
        wrong = sorted(name for name in files.keys() | back.keys() if files.get(name) != back.get(name))
        expect(
            not wrong,
            did=f"of {len(files)} files that went up and down these differ or are missing: {wrong[:5]}",
            contract="upload() and download() copy trees, each file under its relative path",
            change="use one function for the key of a path and its exact inverse for the way back",
        )
