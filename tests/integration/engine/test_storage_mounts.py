"""What a task has in stores, on a real cluster: copied, mounted, filled from here, and gone with the cluster."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import pytest

from styx.api import BackendError, BadInput, Conflict, InvalidTask, NotFound, Unsupported
from styx.builtin.file.storage import FileStorage
from styx.client.embedded import EmbeddedClient
from styx.client.protocol import LaunchOptions
from styx.engine.storage import Mode
from styx.engine.storage.uri import Uri
from styx.spec import Task
from styx.store.states import ClusterState
from support.disks import small_disk

Ran = Callable[[Task], str]
HELLO = Task("files")


@pytest.fixture
def shared(home: Path, tmp_path: Path) -> Path:
    """The root of buckets that nodes are said to see; those of ``local`` do."""
    root = tmp_path / "shared"
    (home / "config.yaml").write_text(f"storage: {{file: {{root: {root}, shared: true}}}}\n")
    return root


@pytest.fixture
def ran(shared: Path, client: EmbeddedClient) -> Ran:
    """Runs a task on the cluster ``c``: what it printed."""

    def run(task: Task, nodes: int = 1) -> str:
        launched = client.launch(task.nodes(nodes), LaunchOptions(cluster="c"))
        assert launched.job_id is not None
        assert client.wait("c", launched.job_id).exit_code == 0, _output(client, launched.job_id)
        return _output(client, launched.job_id)

    return run


def _output(client: EmbeddedClient, job: int) -> str:
    return b"".join(chunk.data for chunk in client.logs("c", job, follow=False)).decode()


def put(client: EmbeddedClient, tmp_path: Path, uri: str, text: str) -> None:
    """Store one object."""
    (tmp_path / "object").write_text(text)
    client.storage.carry_out(client.storage.plan(str(tmp_path / "object"), uri, Mode()), lambda _: None)


def keys(client: EmbeddedClient, uri: str) -> list[str]:
    """The keys at or below a URI."""
    return [thing.key for thing in client.storage.objects(uri)]


def test_mounts_are_read_and_written(ran: Ran, client: EmbeddedClient, tmp_path: Path) -> None:
    """What is in the bucket is at the target on every node, and what a job writes there is in the bucket."""
    client.storage.create("file://data")
    put(client, tmp_path, "file://data/in/a.txt", "from the bucket\n")
    task = HELLO.mount("data", {"source": "file://data/in", "mode": "MOUNT"})
    task = task.mount("~/out", {"source": "file://data/out", "mode": "MOUNT_CACHED"})
    said = ran(task.run("cat data/a.txt; echo $STYX_NODE_RANK > ~/out/$STYX_NODE_RANK"), nodes=2)
    assert said == "from the bucket\n" * 2
    assert keys(client, "file://data") == ["in/a.txt", "out/0", "out/1"]
    assert ran(task.run("cat data/a.txt"), nodes=2) == "from the bucket\n" * 2  # mounted again, that is nothing new
    client.down("c")
    assert keys(client, "file://data") == ["in/a.txt", "out/0", "out/1"]


def test_a_start_mounts_again(ran: Ran, client: EmbeddedClient, tmp_path: Path, shared: Path, home: Path) -> None:
    """After a stop and a start what was mounted is there again without the task; where it cannot be, that is said."""
    client.storage.create("file://data")
    put(client, tmp_path, "file://data/a", "a\n")
    ran(HELLO.mount("~/data", {"source": "file://data"}).run("cat ~/data/a"))
    said: list[str] = []
    client.stop("c", lambda _, line: said.append(line))
    assert "unmounting file://data, once what was written is stored" in said  # which may take minutes
    assert list(home.rglob("data")) == []
    client.start("c")
    assert ran(HELLO.run("cat ~/data/a")) == "a\n"
    client.stop("c")
    shared.rename(tmp_path / "elsewhere")
    with pytest.raises(BackendError, match="could not mount file://data"):
        client.start("c")
    assert client.status()[0].state is ClusterState.FAILED
    (tmp_path / "elsewhere").rename(shared)
    client.start("c")
    assert client.status()[0].state is ClusterState.UP


def test_a_bucket_is_made_and_filled(ran: Ran, client: EmbeddedClient, tmp_path: Path) -> None:
    """A name with a local source is a bucket with these files; a second launch copies only what changed."""
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("a\n")
    (source / "sub" / "b").write_text("b\n")
    (source / "x.log").write_text("x\n")
    (source / ".gitignore").write_text("*.log\n")
    for mode in ("COPY", "MOUNT"):
        task = HELLO.mount(mode.lower(), {"name": "made", "source": str(source), "store": "FILE", "mode": mode})
        assert ran(task.run(f"cd {mode.lower()}; cat a sub/b; ls -d x.log 2>/dev/null || echo none")) == "a\nb\nnone\n"
    assert keys(client, "file://made") == [".gitignore", "a", "sub/b"]
    written = {thing.key: thing.modified_at for thing in client.storage.objects("file://made")}
    (source / "a").write_text("changed\n")
    assert ran(task.run("cat mount/a")) == "changed\n"
    now = {thing.key: thing.modified_at for thing in client.storage.objects("file://made")}
    assert [key for key in now if now[key] != written[key]] == ["a"]
    client.down("c")
    assert keys(client, "file://made") != []  # it persists, unless the task says otherwise


def test_a_bucket_that_is_missing_is_made_before_it_is_mounted(
    ran: Ran, client: EmbeddedClient, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the store, asked in advance how it is mounted, says that it is not there; a URI must be there."""
    mount_command = FileStorage.mount_command

    def strict(self: FileStorage, uri: str, target: str, **options: bool) -> str | None:
        if not (shared / Uri.parse(uri).bucket).exists():
            raise NotFound(f"no bucket at {uri}")
        return mount_command(self, uri, target, **options)

    monkeypatch.setattr(FileStorage, "mount_command", strict)
    with pytest.raises(NotFound):
        client.launch(HELLO.mount("~/d", {"source": "file://new"}).run("true"), LaunchOptions(cluster="c"))
    assert client.history("c") == []
    ran(HELLO.mount("~/d", {"name": "new", "store": "file"}).run("echo kept > ~/d/a"))
    assert keys(client, "file://new") == ["a"]


def test_several_sources_keep_their_names(ran: Ran, client: EmbeddedClient, tmp_path: Path) -> None:
    """A list of files and directories is put below their names."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a").write_text("a\n")
    (tmp_path / "f").write_text("f\n")
    task = HELLO.mount(
        "d", {"name": "several", "store": "file", "source": [str(tmp_path / "dir"), str(tmp_path / "f")]}
    )
    assert ran(task.run("cat d/dir/a d/f")) == "a\nf\n"


def test_what_does_not_persist_goes_with_the_cluster(ran: Ran, client: EmbeddedClient) -> None:
    """A bucket that was made for the cluster is removed by its down; one that was there before is not."""
    client.storage.create("file://kept")
    task = HELLO.mount("~/a", {"name": "scratch", "store": "file", "persistent": False})
    task = task.mount("~/b", {"name": "kept", "store": "file", "persistent": False})
    ran(task.run("echo 1 > ~/a/1; echo 2 > ~/b/2"))
    assert keys(client, "file://scratch") == ["1"]
    client.down("c")
    with pytest.raises(NotFound):
        client.storage.objects("file://scratch")
    assert keys(client, "file://kept") == ["2"]


def test_a_bucket_that_outlived_its_cluster_is_removed_later(ran: Ran, client: EmbeddedClient) -> None:
    """Where the cluster went without it, the next look at everything removes it."""
    ran(HELLO.mount("~/a", {"name": "scratch", "store": "file", "persistent": False}).run("echo 1 > ~/a/1"))
    client.down("c", forget=True)
    assert keys(client, "file://scratch") == ["1"]
    client.status(refresh=True)
    assert client.storage.buckets()[0] == []
    assert client.store.mounts.left() == []


def test_a_bucket_that_was_refused_does_not_go_with_the_cluster(shared: Path, client: EmbeddedClient) -> None:
    """Where somebody else had the name, the cluster goes without it; who makes that bucket later on keeps it."""
    taken = shared / "taken"
    taken.mkdir(parents=True)
    (taken / "theirs").touch()
    task = HELLO.mount("~/a", {"name": "taken", "store": "file", "persistent": False})
    with pytest.raises(Conflict):
        client.launch(task.run("true"), LaunchOptions(cluster="c"))
    client.down("c")
    assert (taken / "theirs").exists()
    shutil.rmtree(taken)
    client.storage.create("file://taken")
    client.status(refresh=True)
    assert client.storage.buckets()[0] != []


def test_a_bucket_that_is_somebody_elses_by_now_stays(ran: Ran, client: EmbeddedClient, shared: Path) -> None:
    """One that was made for the cluster, and replaced by another of that name, is no reason for down to fail."""
    ran(HELLO.mount("~/a", {"name": "scratch", "store": "file", "persistent": False}).run("echo 1 > ~/a/1"))
    shutil.rmtree(shared / "scratch")
    (shared / "scratch").mkdir()
    (shared / "scratch" / "theirs").touch()
    client.down("c")
    assert (shared / "scratch" / "theirs").exists()
    assert client.store.mounts.left() == []


def test_directories_and_files_out_of_a_bucket(ran: Ran, client: EmbeddedClient, tmp_path: Path) -> None:
    """``workdir`` may be a URI, and nodes that see the bucket copy from it by themselves."""
    client.storage.create("file://b")
    put(client, tmp_path, "file://b/code/main.sh", "echo ran; cat ../one.txt data/x\n")
    put(client, tmp_path, "file://b/x", "x\n")
    task = HELLO.workdir("file://b/code").mount("~/one.txt", "file://b/x").mount("data/x", "file://b/x")
    assert ran(task.run("sh main.sh")) == "ran\nx\nx\n"
    with pytest.raises(NotFound, match="there is nothing at file://b/nowhere"):
        client.launch(HELLO.mount("~/y", "file://b/nowhere").run("true"), LaunchOptions(cluster="c"))


def test_a_workdir_comes_through_this_machine(client: EmbeddedClient, tmp_path: Path) -> None:
    """Where nodes do not see the bucket, it is fetched here and copied from here."""
    client.storage.create("file://b")
    put(client, tmp_path, "file://b/code/main.sh", "echo ran\n")
    launched = client.launch(HELLO.workdir("file://b/code/").run("sh main.sh"), LaunchOptions(cluster="c"))
    assert launched.job_id is not None
    assert client.wait("c", launched.job_id).exit_code == 0


@pytest.mark.parametrize(
    ("storage", "error", "message"),
    [
        ({"source": "file://b", "name": "n"}, InvalidTask, "is a bucket already"),
        ({"source": "."}, InvalidTask, "need the name of a bucket"),
        ({"source": ["file://a", "file://b"]}, InvalidTask, "several places cannot be mounted"),
        ({"source": "s4://b"}, Unsupported, "no installed storage understands s4"),
        ({"source": "file://b", "store": "gcs"}, Exception, "there is no store 'gcs'"),
        ({"source": "file://b", "config": {"mount": {"read_only": True}}}, Unsupported, "cannot be mounted read-only"),
    ],
)
def test_what_no_node_could_have_makes_nothing(
    shared: Path, client: EmbeddedClient, storage: dict[str, object], error: type[Exception], message: str
) -> None:
    """It is refused before a machine is made."""
    with pytest.raises(error, match=message):
        client.launch(HELLO.mount("~/d", storage).run("true"), LaunchOptions(cluster="c"))
    assert client.history("c") == []


def test_a_store_that_nodes_do_not_see_cannot_be_mounted(client: EmbeddedClient) -> None:
    """Without the setting that says so, nothing is made either."""
    with pytest.raises(Unsupported, match="cannot be mounted on nodes as it is set up"):
        client.launch(HELLO.mount("~/d", {"source": "file://b"}).run("true"), LaunchOptions(cluster="c"))
    assert client.history("c") == []


def test_which_store_is_said_before_a_machine_is_made(home: Path, tmp_path: Path) -> None:
    """Where several are installed and none comes with the cloud, the error names them."""
    client = EmbeddedClient()
    context = client.engine.context
    names, provided = context.plugins.names, context.plugins.provided
    other = SimpleNamespace(name="other", plugin="elsewhere", status="ok")
    with (
        patch.object(context.plugins, "names", lambda kind: [*names(kind), *(["other"] if kind == "storage" else [])]),
        patch.object(
            context.plugins, "provided", lambda kind: [*provided(kind), *([other] if kind == "storage" else [])]
        ),
        pytest.raises(BadInput, match="which store") as refused,
    ):
        client.launch(
            HELLO.mount("~/d", {"name": "n", "mode": "COPY", "source": str(tmp_path)}), LaunchOptions(cluster="c")
        )
    assert {"file", "other"} <= set((refused.value.hint or "").replace(",", " ").replace(".", " ").split())
    assert client.history("c") == []
    client.close()


def test_what_is_mounted_in_a_node_is_not_removed_with_it(ran: Ran, client: EmbeddedClient, tmp_path: Path) -> None:
    """Whatever else is mounted below a node's home when it goes: files are not removed where they come from."""
    home = Path(ran(HELLO.run("mkdir -p ~/deep/m; cd; pwd -P")).strip())
    source = tmp_path / "source"
    source.mkdir()
    (source / "precious").write_text("kept")
    with small_disk(tmp_path / "can mount", "size=1m"):
        subprocess.run(["mount", "--bind", source, home / "deep" / "m"], check=True)
    assert (home / "deep" / "m" / "precious").exists()
    client.down("c")
    assert not home.exists()
    assert (source / "precious").read_text() == "kept"


def test_somebody_elses_bucket(ran: Ran, client: EmbeddedClient, shared: Path) -> None:
    """A name that another has is a conflict, and the cluster stays for another try."""
    (shared / "theirs").mkdir(parents=True)
    with pytest.raises(Conflict, match="was not made by Styx"):
        ran(HELLO.mount("~/d", {"name": "theirs", "store": "file"}).run("true"))
    assert client.status()[0].state is ClusterState.UP


def test_a_target_with_files_in_it_is_not_hidden(ran: Ran, client: EmbeddedClient) -> None:
    """What is there already is not covered, and the reason names the place."""
    client.storage.create("file://b")
    ran(HELLO.run("mkdir -p ~/d; echo mine > ~/d/f"))
    with pytest.raises(BackendError, match="could not mount file://b at 'd' on node 0"):
        ran(HELLO.mount("~/d", {"source": "file://b"}).run("true"))
    assert ran(HELLO.run("cat ~/d/f")) == "mine\n"
