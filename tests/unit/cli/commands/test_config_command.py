"""``styx config``."""

import json
from pathlib import Path

import click
import pytest

from styx.cli import added, complete
from styx.config import load_config
from support.fake_client import FakeClient


@pytest.fixture
def file(client: FakeClient, styx_home: Path) -> Path:
    """Where the settings are."""
    return styx_home / "config.yaml"


def test_set_get_unset(styx, file: Path):
    """Values are YAML, keys are dotted; sections that are empty go with their last setting."""
    assert styx("config", "set", "clouds.ssh.pools.lab.hosts", "[me@10.0.0.5]").exit_code == 0
    styx("config", "set", "allowed_clouds", "[local, ssh]")
    assert file.read_text() == (
        "clouds:\n  ssh:\n    pools:\n      lab:\n        hosts:\n        - me@10.0.0.5\n"
        "allowed_clouds:\n- local\n- ssh\n"
    )
    assert styx("config", "get", "allowed_clouds").stdout == "[local, ssh]\n"
    assert json.loads(styx("config", "get", "clouds.ssh", "-o", "json").stdout) == {
        "pools": {"lab": {"hosts": ["me@10.0.0.5"]}}
    }
    assert styx("config", "unset", "clouds.ssh.pools.lab").exit_code == 0
    assert file.read_text() == "allowed_clouds:\n- local\n- ssh\n"


def test_the_file_is_private(styx, file: Path):
    """The file can be read by its owner alone, and nothing temporary is left."""
    styx("config", "set", "database", "sqlite:////x.db")
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["config.yaml"]


def test_a_link_stays_a_link(styx, file: Path, tmp_path: Path):
    """A configuration file that is a link into somebody's dotfiles is written through."""
    real = tmp_path / "dotfiles.yaml"
    real.write_text("{}")
    file.parent.mkdir()
    file.symlink_to(real)
    styx("config", "set", "database", "sqlite:////x.db")
    assert file.is_symlink()
    assert real.read_text() == "database: sqlite:////x.db\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["set", "databse", "x"], "unknown key 'databse'"),
        (["set", "database", "5"], "database must be a URL"),
        (["set", "database", "oracle://x/y"], "databases of kind 'oracle' are not supported"),
        (["set", "database", "sqlite:///here.db"], "elsewhere it would be another database"),
        (["set", "allowed_clouds", "local"], "must be a list"),
        (["set", "clouds.local", "5"], "Error: "),
        (["set", "database.url", "x"], "database is a value"),
        (["set", "database", "[1"], "not valid YAML"),
        (["set", "clouds." + "a." * 2000 + "b", "1"], "is not a key"),
        (["set", "clouds.a.b", "[" * 2000 + "]" * 2000], "levels deep"),
        (["set", "clouds.a.b", "&a [*a]"], "inside of itself"),
        (["set", "a..b", "1"], "is not a key"),
        (["set", "database"], "Missing argument"),
        (["get", "nope"], "nope is not set"),
        (["get", "database.url"], "database.url is not set"),
        (["unset", "clouds.aws"], "clouds.aws is not set"),
        (["set", "clouds.ssh.pool", "x"], "clouds.ssh: unknown key 'pool'; did you mean 'pools'?"),
        (["set", "clouds.ssh.pools.lab.hots", "[a]"], "clouds.ssh.pools.lab: unknown key 'hots'; did you mean 'hosts'"),
        (["set", "clouds", "{ssh: {pool: 1}}"], "clouds.ssh: unknown key 'pool'"),
        (["set", "clouds.ssh.accounts.lab.pool", "x"], "clouds.ssh.accounts.lab: unknown key 'pool'; did you mean"),
        (["set", "clouds.ssh", "{pool: 1, accounts: {lab: {}}}"], "clouds.ssh: unknown key 'pool'"),
        (["set", "clouds.ssh.accounts", "[lab]"], "clouds.ssh.accounts must map names"),
        (["set", "clouds.ssh.accounts.lab", "5"], "clouds.ssh.accounts must map names"),
        (["set", "budget.max_hourly_cost", "much"], "no amount of USD"),
        (["set", "budget.max_cost", "5"], "unknown key 'budget.max_cost'"),
        (["set", "budget.accounts.ssh/lab", "5"], "cloud 'ssh' has no account 'lab'"),
        (["set", "budget.accounts.shs", "5"], "there is no cloud 'shs'\nHint: Did you mean 'ssh'?"),
        (["set", "budget.accounts.loca/lab", "5"], "there is no cloud 'loca'\nHint: Did you mean 'local'?"),
        (["set", "budget", "{accounts: {elsewhere: 5}}"], "there is no cloud 'elsewhere'"),
        (["set", "clouds.local.accounts.a b", "{}"], "no name of an account"),
        (["set", "storage.file", "5"], "storage.file"),
        (["set", "storage.file.root", "relative"], "must be an absolute path"),
    ],
)
def test_refused(styx, file: Path, words, message):
    """What does not validate is refused with one message and exit code 2, and the file stays as it is."""
    file.parent.mkdir()
    file.write_text("database: sqlite:////x.db  # mine\n")
    result = styx("config", *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "kept" not in result.stderr
    assert file.read_text() == "database: sqlite:////x.db  # mine\n"


def test_a_broken_file_is_not_overwritten(styx, file: Path):
    """A file that cannot be parsed is reported with its line, not replaced."""
    file.parent.mkdir()
    file.write_text("database: [\n")
    for words in (["list"], ["get", "database"], ["set", "database", "x"], ["unset", "database"]):
        result = styx("config", *words)
        assert (result.exit_code, str(file) in result.stderr) == (2, True)
    assert file.read_text() == "database: [\n"


def test_a_section_can_be_written_bit_by_bit(styx, file: Path):
    """What a section still lacks is no reason to refuse what is right."""
    assert styx("config", "set", "clouds.ssh.pools.lab.user", "me").output == ""
    assert styx("config", "set", "clouds.ssh.pools.lab.hosts", "[10.0.0.5]").output == ""
    assert file.read_text().count("\n") == 7


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("clouds.shs.pools", "No installed plugin reads clouds.shs. Did you mean clouds.ssh? It is kept"),
        ("plugins.other.x", "No installed plugin reads plugins.other. It is kept as it is, unchecked.\n"),
        ("clouds.local.x", "Cloud local does not say what its settings are: clouds.local is kept unchecked.\n"),
        ("clouds.local.accounts.a.x", "Cloud local does not say what its settings are: clouds.local is kept"),
        ("clouds.ssh.pool", "clouds.ssh is kept unchecked: plugin ssh is disabled.\n"),
        ("allowed_clouds", "No installed plugin provides a cloud 'locla'. Did you mean local? It is kept.\n"),
    ],
)
def test_what_cannot_be_checked_is_told(styx, file: Path, monkeypatch, key, told):
    """A section that no usable plugin reads is written, and said to be unchecked."""
    monkeypatch.setenv("STYX_PLUGINS_DENY", "ssh")
    added.plugins.cache_clear()
    result = styx("config", "set", key, "[local, locla]" if key == "allowed_clouds" else "{}")
    added.plugins.cache_clear()
    assert (result.exit_code, result.stderr.startswith(told)) == (0, True)
    assert file.exists()


@pytest.mark.parametrize(("cloud", "key"), [("aws", "profile"), ("lambda", "url")])
def test_settings_of_what_renews_a_catalog_are_checked(styx, file: Path, cloud, key):
    """Also where the plugin has no cloud to launch on yet."""
    assert styx("config", "set", f"clouds.{cloud}.{key}", "x").output == ""
    refused = styx("config", "set", f"clouds.{cloud}.{key}s", "x")
    assert (refused.exit_code, f"did you mean '{key}'" in refused.stderr) == (2, True)


def test_accounts_are_settings_of_core(styx, file: Path):
    """Accounts of a cloud without settings of its own are checked by core, so there is nothing to tell of them."""
    assert styx("config", "set", "clouds.local.accounts.lab", "{}").output == ""
    assert styx("config", "set", "budget.accounts.local/lab", "5").output == ""
    assert load_config(file).accounts_of("local") == ("lab",)


def test_list_hides_secrets(styx, file: Path):
    """Passwords in URLs and values of secret keys are hidden in lists; get shows what is asked for."""
    styx("config", "set", "database", "postgresql://styx:hunter2@db/styx")
    styx("config", "set", "clouds.aws.api_key", "hunter3")
    styx("config", "set", "plugins.notify.urls", "['https://me:hunter4@example.org']")
    for words in (["list"], ["list", "-o", "json"]):
        text = styx("config", *words).stdout
        assert "hunter" not in text
        assert "postgresql://styx:" in text
    assert styx("config", "get", "database").stdout == "postgresql://styx:hunter2@db/styx\n"


def test_list_is_flat(styx, file: Path):
    """The list has one dotted key a line; without settings it says where they would be."""
    assert str(file) in styx("config", "list").stdout
    styx("config", "set", "storage.file.root", "/srv/styx")
    assert styx("config", "list").stdout == "storage.file.root = /srv/styx\n"


def test_lost_comments_are_announced(styx, file: Path):
    """Changing a file with comments says that they are not kept."""
    file.parent.mkdir()
    file.write_text("# mine\nallowed_clouds: []\n")
    assert "Comments" in styx("config", "set", "allowed_clouds", "[local]").stderr


def test_path(styx, file: Path):
    """The path is printed whether or not the file exists."""
    assert styx("config", "path").stdout == f"{file}\n"


def test_a_home_that_cannot_be_written(styx, file: Path):
    """A home that cannot be made is one message."""
    file.parent.write_text("a file is in the way")
    result = styx("config", "set", "database", "x")
    assert (result.exit_code, "Traceback" in result.stderr) == (2, False)


def test_accounts_and_budgets(styx, file: Path):
    """Accounts are sections of their cloud, checked as they will be used; a budget names one by cloud and account."""
    for key, value in (
        ("clouds.ssh.accounts.lab.pools.lab.hosts", "[me@10.0.0.5]"),
        ("clouds.ssh.accounts.office", "{}"),
        ("budget.max_hourly_cost", "12.50"),
        ("budget.accounts.ssh/lab", "5"),
    ):
        assert styx("config", "set", key, value).exit_code == 0
    assert "budget.accounts.ssh/lab = 5" in styx("config", "list").stdout
    assert load_config(file).accounts_of("ssh") == ("lab", "office")
    context = click.Context(click.Command("launch"))
    assert complete.accounts(context, click.Option(["--account"]), "") == ["lab", "office"]
    assert complete.accounts(context, click.Option(["--account"]), "o") == ["office"]
