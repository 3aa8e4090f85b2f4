"""What machines are told for their first boot, and the keys in it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from styx.api import Boot, Conflict, InvalidConfig, InvalidRequest, Owner
from styx.testing import services
from styx_aws import bootdata, keys
from styx_aws.secret import Secret

if TYPE_CHECKING:
    from conftest import Ec2

OWNER = Owner("abc123", "dev", "abcd")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIb1tGtyTyE1ntjZ3c4wbHjUtSCcjXHGNgHqUXTmMKZB it's mine"


@pytest.fixture
def secret(tmp_path: Path) -> Secret:
    """A client's."""
    return Secret(services(tmp_path).state_dir / "secret")


def script(secret: Secret, boot: Boot, user: str = "ubuntu") -> str:
    """What a machine is told."""
    public = bootdata.public_key(secret, OWNER)
    return bootdata.script(bootdata.template(boot, user, public), secret, OWNER)


Run = Callable[[str], Path]


@pytest.fixture
def run(tmp_path: Path, secret: Secret) -> Run:
    """Has a shell run the script for this boot script of core's, with another directory for a root; returns that."""
    root = tmp_path / "root"
    for name in ("etc/ssh", "run", "home", "bin"):
        (root / name).mkdir(parents=True)
    getent = root / "bin/getent"
    getent.write_text(f'#!/bin/sh\n[ "$2" = {getuser()} ] && echo "{getuser()}:x:0:0::{root}/home:/bin/sh"\n')
    getent.chmod(0o755)

    def run(core: str) -> Path:
        text = script(secret, Boot(KEY, core), getuser())
        for place in ("/etc/ssh", "/run/"):
            text = text.replace(place, f"{root}{place}")
        environment = os.environ | {"PATH": f"{root}/bin:{os.environ['PATH']}", "ROOT": str(root)}
        subprocess.run(["sh", "-c", text], env=environment, check=True, timeout=30)
        return root

    return run


def test_the_machine_has_the_key_that_is_told(run: Run, secret: Secret) -> None:
    """In the form that sshd reads, for root's eyes alone."""
    root = run("#!/bin/sh\n:\n")
    private = root / "etc/ssh/ssh_host_ecdsa_key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    public = bootdata.public_key(secret, OWNER)
    assert (root / "etc/ssh/ssh_host_ecdsa_key.pub").read_text().strip() == public
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen")
    told = subprocess.run(["ssh-keygen", "-y", "-f", str(private)], capture_output=True, text=True, check=True)
    assert told.stdout.split()[:2] == public.split()


def test_the_installations_key_may_log_in_once(run: Run) -> None:
    """Beside those that the image lets in, also where it has one without a user's directory."""
    for _ in range(2):
        root = run("#!/bin/sh\n:\n")
    authorized = root / "home/.ssh/authorized_keys"
    assert authorized.read_text().splitlines() == [KEY]
    assert stat.S_IMODE(authorized.stat().st_mode) == 0o600
    assert stat.S_IMODE(authorized.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("core", ["exit 3", "cat; exec false", "kill $$", 'echo \'$HOME "quoted"\' >"$ROOT/said"'])
def test_what_core_wants_run_is_run_and_keeps_nobody_out(run: Run, core: str) -> None:
    """However it ends, and whatever it reads."""
    root = run(f'#!/bin/sh\necho core >>"$ROOT/ran"\n{core}\n')
    assert (root / "ran").read_text() == "core\n"
    assert (root / "home/.ssh/authorized_keys").exists()
    if "said" in core:
        assert (root / "said").read_text() == '$HOME "quoted"\n'


def test_a_launch_that_is_repeated_says_the_same(secret: Secret) -> None:
    """To the byte, or EC2 would take it for another; and another attempt has another key."""
    boot = Boot(KEY, "#!/bin/sh\n:\n")
    assert script(secret, boot) == script(secret, boot)
    assert bootdata.public_key(secret, OWNER) != bootdata.public_key(secret, Owner("abc123", "dev", "abce"))


def test_what_is_stored_has_no_private_key(secret: Secret) -> None:
    """Only what is sent has."""
    boot = Boot(KEY, "#!/bin/sh\n:\n")
    assert "PRIVATE KEY-" not in bootdata.template(boot, "ubuntu", bootdata.public_key(secret, OWNER))
    assert "PRIVATE KEY-" in script(secret, boot)


def test_too_long_a_script_is_refused(ec2: Ec2) -> None:
    """EC2 takes 16 KiB."""
    request = replace(ec2.request(), boot=Boot(KEY, "#" * 16_000))
    with pytest.raises(InvalidRequest, match="more than 16384 bytes"):
        ec2.cloud.prepare(request)


def test_a_secret_is_its_owners_alone_and_stays(tmp_path: Path) -> None:
    """Made when it is first needed; whoever is faster has made it for all."""
    path = tmp_path / "secret"
    first = Secret(path).derive("a")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Secret(path).derive("a") == first
    assert Secret(path).derive("b") != first
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_a_secret_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """With the file."""
    with pytest.raises(InvalidConfig, match="nowhere/secret"):
        Secret(tmp_path / "nowhere" / "secret").derive("a")


@pytest.mark.parametrize("kept", [b"", b"short"])
def test_a_secret_that_is_damaged_is_not_used(tmp_path: Path, kept: bytes) -> None:
    """What is made of it could be guessed."""
    (tmp_path / "secret").write_bytes(kept)
    with pytest.raises(InvalidConfig, match="is damaged"):
        Secret(tmp_path / "secret").derive("a")


def test_a_key_is_imported_once(ec2: Ec2) -> None:
    """Under a name that goes by its content, in each region."""
    name = keys.key_pair(ec2.session, "us-east-1", "abc123", KEY)
    assert keys.key_pair(ec2.session, "us-east-1", "abc123", KEY.replace("it's mine", "renamed")) == name
    assert ec2.calls().count("ec2:ImportKeyPair") == 1
    assert keys.key_pair(ec2.session, "eu-west-1", "abc123", KEY) == name
    assert ec2.calls().count("ec2:ImportKeyPair") == 1


def test_a_key_that_somebody_else_has_put_under_its_name_is_not_used(ec2: Ec2) -> None:
    """Machines would let him in."""
    name = keys.key_pair(ec2.session, "us-east-1", "abc123", KEY)
    client = ec2.session.client("ec2", "us-east-1")
    client.delete_key_pair(KeyName=name)
    client.create_key_pair(KeyName=name)
    ec2.bed.bed.calls.clear()
    with pytest.raises(Conflict, match="holds another key"):
        keys.key_pair(ec2.session, "us-east-1", "abc123", KEY)


def test_a_client_that_was_faster_has_imported_it(ec2: Ec2) -> None:
    """The name is nobody's but this key's."""
    ec2.bed.habits.refuse("ec2:ImportKeyPair", "InvalidKeyPair.Duplicate", "The keypair already exists")
    assert keys.key_pair(ec2.session, "us-east-1", "abc123", KEY).startswith("styx-abc123-")
