"""The user's settings."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import click
import pytest

from styx.api import InvalidConfig
from styx.cli import complete
from styx.config import KEYS, Budget, Config, Jobs, Keep, home, load_config, parse_config

FULL = """
database: postgresql://styx@db/styx
allowed_clouds: [local, ssh]
allowed_identities: [trainer]
allowed_secrets: [vault:team/*]
clouds: {ssh: {pools: {lab: {hosts: [me@10.0.0.5]}}}, local: }
storage: {file: {root: /srv/styx}}
plugins: {notify: {urls: [https://example.org/hook]}}
"""


def test_everything_that_can_be_set() -> None:
    """Sections are kept as they are, for the plugins' own models; an empty one is an empty mapping."""
    config = parse_config(FULL)
    assert config.database == "postgresql://styx@db/styx"
    assert config.allowed_clouds == ("local", "ssh")
    assert config.allowed_identities == ("trainer",)
    assert config.allowed_secrets == ("vault:team/*",)
    assert config.section("cloud", "ssh") == {"pools": {"lab": {"hosts": ["me@10.0.0.5"]}}}
    assert config.section("cloud", "local") == {}
    assert config.section("storage", "file") == {"root": "/srv/styx"}
    assert config.section("backend", "agent") == {}
    assert config.plugins["notify"]["urls"] == ["https://example.org/hook"]


def test_every_key_that_is_read_is_known_by_name() -> None:
    """What the settings are kept in has a field for each, sections of plugins apart; all can be set, and completed."""
    plugins = {"clouds", "storage", "backends", "engines", "sandboxes", "plugins", "accounts"}
    sections = {"budget": Budget, "jobs": Jobs, "keep": Keep}
    single = {field.name for field in fields(Config)} - plugins - set(sections)
    inner = {f"{name}.{field.name}" for name, section in sections.items() for field in fields(section)}
    assert set(KEYS) == single | {key.replace("keep.", "server.keep_") for key in inner}
    for key in KEYS:
        section, _, name = key.rpartition(".")
        assert parse_config(f"{section}: {{{name}: }}" if section else f"{name}: ") == Config()
    assert complete.config_keys(click.Context(click.Command("x")), click.Argument(["key"]), "allowed") == [
        "allowed_clouds",
        "allowed_identities",
        "allowed_secrets",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "clouds:\n"])
def test_nothing_set(text: str) -> None:
    """An empty file, and an empty section, set nothing."""
    assert parse_config(text) == Config()


def test_no_allowed_clouds_is_not_all_of_them() -> None:
    """An empty list allows none, which is not the same as leaving it out."""
    assert parse_config("allowed_clouds: []").allowed_clouds == ()
    assert parse_config("").allowed_clouds is None


@pytest.mark.parametrize(
    ("text", "field", "says"),
    [
        ("cloud: {}", "cloud", "unknown key 'cloud'"),
        ("database: 7", "database", "must be a URL"),
        ("allowed_clouds: local", "allowed_clouds", "list of names"),
        ("allowed_clouds: [1]", "allowed_clouds", "list of names"),
        ("clouds: [ssh]", "clouds", "map names to settings"),
        ("clouds: {ssh: 7}", "clouds", "map names to settings"),
        ("clouds: {acme: {accounts: [prod]}}", "clouds.acme.accounts", "must map names of accounts to settings"),
        ("clouds: {acme: {accounts: {prod: 7}}}", "clouds.acme.accounts", "must map names of accounts to settings"),
        ("clouds: {acme: {accounts: {../etc: {}}}}", "clouds.acme.accounts", "no name of an account"),
        ("clouds: {acme: {accounts: {12: {}}}}", "clouds.acme.accounts", "no name of an account"),
        ("budget: 50", "budget", "must be a section"),
        ("budget: {max_cost: 50}", "budget.max_cost", "unknown key 'budget.max_cost'"),
        ("budget: {max_hourly_cost: much}", "budget.max_hourly_cost", "no amount of USD"),
        ("budget: {max_hourly_cost: -1}", "budget.max_hourly_cost", "no amount of USD"),
        ("budget: {max_hourly_cost: .nan}", "budget.max_hourly_cost", "no amount of USD"),
        ("budget: {max_hourly_cost: yes}", "budget.max_hourly_cost", "no amount of USD"),
        ("budget: {accounts: [acme]}", "budget.accounts", "must map CLOUD or CLOUD/ACCOUNT"),
        ("budget: {accounts: {acme: {}}}", "budget.accounts.acme", "no amount of USD"),
        ("budget: {users: 5}", "budget.users", "must map names of users to USD an hour"),
        ("budget: {users: {ann: -1}}", "budget.users.ann", "no amount of USD"),
        ("budget: {monthly: [1]}", "budget.monthly", "no amount of USD"),
        ("budget: {users_monthly: {ann: }}", "budget.users_monthly.ann", "no amount of USD"),
        ("budget: {accounts: {acme/prod: 1}}", "budget.accounts.acme/prod", "cloud 'acme' has no account 'prod'"),
        ("- a", None, "must hold a mapping"),
        ("a: [", None, "not valid YAML"),
    ],
)
def test_mistakes_are_named(text: str, field: str | None, says: str) -> None:
    """The error names the file and the key at fault."""
    with pytest.raises(InvalidConfig, match=says) as refused:
        parse_config(text, "my.yaml")
    assert refused.value.field == field
    assert refused.value.file == "my.yaml"


ACCOUNTS = """
clouds:
  acme:
    region: east
    limits: {gpus: 8, cpus: 100}
    accounts:
      prod: {profile: company}
      dev: {region: west, limits: {gpus: 1}}
      bare:
  other: {}
"""


def test_accounts() -> None:
    """The settings of the cloud are those of each account, and what an account says itself replaces them whole."""
    config = parse_config(ACCOUNTS)
    assert config.accounts_of("acme") == ("prod", "dev", "bare")
    assert config.account("acme", "prod") == {
        "region": "east",
        "limits": {"gpus": 8, "cpus": 100},
        "profile": "company",
    }
    assert config.account("acme", "dev") == {"region": "west", "limits": {"gpus": 1}}
    assert config.account("acme", "bare") == config.section("cloud", "acme")
    assert "accounts" not in config.section("cloud", "acme")


def test_a_cloud_without_accounts_has_one() -> None:
    """It is called default, whether the cloud has settings or is not even mentioned."""
    config = parse_config(ACCOUNTS)
    for cloud in ("other", "third"):
        assert (config.accounts_of(cloud), config.account(cloud, "default")) == (("default",), {})
    assert parse_config("clouds: {acme: {a: 1, accounts: }}").accounts_of("acme") == ("default",)


def test_budgets() -> None:
    """Amounts are exact, as they are written, for all that runs, a cloud or an account."""
    config = parse_config(f"{ACCOUNTS}\nbudget: {{max_hourly_cost: 12.1, accounts: {{acme/dev: '0.30', acme: 7}}}}")
    assert config.budget == Budget(Decimal("12.1"), {"acme/dev": Decimal("0.30"), "acme": Decimal(7)})
    people = parse_config("budget: {users: {ann: 2.5}, monthly: 500, users_monthly: {ann: '100', 7: 1}}").budget
    assert people.users == {"ann": Decimal("2.5")}
    assert (people.monthly, people.users_monthly) == (Decimal(500), {"ann": Decimal(100), "7": Decimal(1)})
    assert parse_config("budget: {accounts: {acme/default: 0}}").budget == Budget(None, {"acme/default": Decimal(0)})
    assert parse_config("budget:\n") == Config()


def test_a_misspelt_account_of_a_budget_is_guessed() -> None:
    """A ceiling for an account that is not there would be no ceiling."""
    with pytest.raises(InvalidConfig) as refused:
        parse_config(f"{ACCOUNTS}\nbudget: {{accounts: {{acme/prd: 1}}}}")
    assert refused.value.hint == "Did you mean 'prod'?"


def test_a_home_that_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before anything is made in it; one of a user who does not exist is a directory of that name."""
    monkeypatch.setenv("STYX_HOME", "/tmp/\udcff")
    with pytest.raises(InvalidConfig, match="is not UTF-8 text"):
        home()
    monkeypatch.setenv("STYX_HOME", "~nobody-of-this-name/styx")
    assert home() == Path.cwd() / "~nobody-of-this-name/styx"


def test_a_misspelt_key_is_guessed() -> None:
    """What was probably meant is offered."""
    with pytest.raises(InvalidConfig) as refused:
        parse_config("cluods: {}")
    assert refused.value.hint == "Did you mean 'clouds'?"


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file sets nothing; one that cannot be read is an error; the home decides where it is."""
    monkeypatch.setenv("STYX_HOME", str(tmp_path))
    assert home() == tmp_path
    assert load_config() == Config()
    (tmp_path / "config.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidConfig, match="cannot read"):
        load_config()
    (tmp_path / "config.yaml").write_text("database: sqlite:////x.db\n")
    assert load_config().database == "sqlite:////x.db"
    monkeypatch.setenv("STYX_DATABASE_URL", "sqlite:////y.db")
    assert load_config().database == "sqlite:////y.db"
    assert load_config(tmp_path / "missing.yaml").database == "sqlite:////y.db"


def test_managed_jobs_have_limits_and_whom_to_tell() -> None:
    """All of it may be left out; numbers are numbers of jobs, and what may be told is a list."""
    found = parse_config(
        "jobs: {at_once: 3, max_log: 8, pools: {gpus: 2}, webhooks_allow: [10.0.0.0/8], webhooks_secret: s3cret}"
    ).jobs
    assert (found.at_once, found.per_user, found.pools, found.webhooks_allow) == (3, None, {"gpus": 2}, ("10.0.0.0/8",))
    assert found.max_log == 8
    assert "s3cret" not in repr(found)
    assert (parse_config("{}").jobs.at_once, parse_config("{}").jobs.max_log) == (100, 256)


@pytest.mark.parametrize(
    "text",
    [
        "jobs: 3",
        "jobs: {at_once: many}",
        "jobs: {per_user: -1}",
        "jobs: {pools: [gpus]}",
        "jobs: {pools: {gpus: true}}",
        "jobs: {webhooks_allow: 10.0.0.0/8}",
        "jobs: {webhooks_secret: 7}",
        "jobs: {at_one: 3}",
    ],
)
def test_wrong_settings_of_managed_jobs_are_named(text: str) -> None:
    """With the key, as for all settings."""
    with pytest.raises(InvalidConfig, match=r"config\.yaml: .*jobs"):
        parse_config(text)


def test_a_server_keeps_what_is_over_for_a_while() -> None:
    """For so many days, each of its own; jobs and their logs for ever, unless told otherwise."""
    found = parse_config("server: {keep_audit: forever, keep_jobs: 90, keep_requests: null}").keep
    assert (found.answers, found.requests, found.audit, found.jobs, found.logs) == (1, 30, None, 90, None)
    assert parse_config("{}").keep == Keep()


@pytest.mark.parametrize(
    "text", ["server: 3", "server: {keep_audit: 0}", "server: {keep_logs: a week}", "server: {keep_job: 3}"]
)
def test_wrong_times_to_keep_something_are_named(text: str) -> None:
    """With the key, as for all settings."""
    with pytest.raises(InvalidConfig, match=r"config\.yaml: .*server"):
        parse_config(text)


def test_the_secret_of_webhooks_may_be_in_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it wins over the file."""
    monkeypatch.setenv("STYX_WEBHOOKS_SECRET", "from there")
    assert load_config(tmp_path / "config.yaml").jobs.webhooks_secret == "from there"
