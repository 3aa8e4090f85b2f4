"""Where Styx keeps its things, and what the user has set.

Settings live in ``$STYX_HOME/config.yaml`` (``~/.styx`` by default)::

    database: postgresql+psycopg://styx@db.example.org/styx   # else SQLite below the home
    allowed_clouds: [local, ssh]                              # else every installed one
    allowed_identities: [trainer]                             # what members of a server may ask for
    allowed_secrets: [vault:team/*]                           # what may be looked up for them
    clouds:
      ssh: {pools: {lab: {hosts: [me@10.0.0.5]}}}             # one section per cloud, checked by its plugin
      acme:                                                   # several accounts of one cloud, each with a name
        region: east                                          # is that of all of them
        accounts:
          prod: {profile: company}
          dev: {profile: me, region: west}                    # wins over the cloud's own
    budget:
      max_hourly_cost: 50                                     # USD an hour for all that runs at one time
      accounts: {acme/dev: 5}                                 # of one account; `acme` is the cloud as a whole
      users: {ann: 2.5}                                       # of the clusters of one user
      monthly: 500                                            # USD from the first of a month on, in UTC
      users_monthly: {ann: 100}
    jobs:                                                     # managed jobs
      at_once: 100                                            # on each server
      per_user: 20                                            # of each user, and of each pool, on all servers together
      pools: {gpus: 8}
      max_log: 256                                            # MiB of the output of each that are kept
      webhooks_allow: [ci.corp.example, 10.1.0.0/16]          # what may be told although it is not on the internet
      webhooks_secret: ...                                    # signs what is told
    server:                                                   # what a server keeps of what is over
      keep_audit: 365                                         # in days, or `forever`
    storage:
      file: {root: /srv/styx}
    plugins:
      notify: {urls: [https://example.org/hook]}

``STYX_DATABASE_URL`` wins over ``database``, and ``STYX_WEBHOOKS_SECRET`` over ``jobs.webhooks_secret``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from styx.api.errors import InvalidConfig

DEFAULT_ACCOUNT = "default"  # the only one of a cloud for which none are named
ACCOUNTS = "accounts"  # in the section of a cloud; no setting of a plugin can be called so
FILE_NAME = "config.yaml"
DATABASE_VARIABLE = "STYX_DATABASE_URL"
_LONGEST = 36_500  # days: nobody means more, and dates have a beginning
SECRET_VARIABLE = "STYX_WEBHOOKS_SECRET"  # noqa: S105 - where it is, not what


def home() -> Path:
    """The root of all state of this installation: ``$STYX_HOME`` or ``~/.styx``. It need not exist yet.

    Raises InvalidConfig for one that is not text, which much of what is written into it must be.
    """
    # os.path, because pathlib raises where there is no home; as styx.plugins.paths and styx.store.peek have it.
    path = os.path.abspath(os.path.expanduser(os.environ.get("STYX_HOME") or "~/.styx"))  # noqa: PTH100, PTH111
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InvalidConfig(f"{path!r} is not UTF-8 text", hint="Set STYX_HOME to a directory whose name is.") from None
    return Path(path)


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may run at one time, in USD per hour, and that may be spent in a month of the calendar, in USD.

    ``max_hourly_cost`` and ``monthly`` are for everything; ``accounts`` maps ``CLOUD/ACCOUNT``, or a ``CLOUD`` as a
    whole, to its own, ``users`` and ``users_monthly`` the names of users to theirs.
    """

    max_hourly_cost: Decimal | None = None
    accounts: Mapping[str, Decimal] = field(default_factory=dict)
    users: Mapping[str, Decimal] = field(default_factory=dict)
    monthly: Decimal | None = None
    users_monthly: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Jobs:
    """How many managed jobs may be under way at a time, what is kept of them, and where their ends may be told.

    ``at_once`` is of each server; ``per_user``, and ``pools`` by name, are of all servers together.
    """

    at_once: int = 100
    per_user: int | None = None
    pools: Mapping[str, int] = field(default_factory=dict)
    max_log: int = 256  # MiB of the output of one job
    webhooks_allow: tuple[str, ...] = ()  # names of hosts, addresses, and networks
    webhooks_secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many days a server keeps what is over; None is for ever.

    Answers under idempotency keys, requests that have ended, uploads that no task has named since, the audit log;
    managed jobs with what happened to them, their output, and what happened to clusters that are gone.
    """

    answers: int | None = 1
    requests: int | None = 30
    uploads: int | None = 30
    audit: int | None = 365
    jobs: int | None = None
    logs: int | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The user's settings; sections of plugins are kept as they are, for their own models to check."""

    database: str | None = None
    allowed_clouds: tuple[str, ...] | None = None
    allowed_identities: tuple[str, ...] = ()
    allowed_secrets: tuple[str, ...] = ()
    clouds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    storage: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    backends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    engines: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sandboxes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    accounts: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)  # by cloud and name
    budget: Budget = field(default_factory=Budget)
    jobs: Jobs = field(default_factory=Jobs)
    keep: Keep = field(default_factory=Keep)

    def section(self, kind: str, name: str) -> Mapping[str, Any]:
        """The settings of one plugin object; ``kind`` as in the contract: cloud, backend, storage, engine, sandbox."""
        group: Mapping[str, Mapping[str, Any]] = getattr(self, _GROUP_OF_KIND[kind])
        return group.get(name, {})

    def accounts_of(self, cloud: str) -> tuple[str, ...]:
        """The names of the accounts of this cloud, as they are written; of one without any, the default's."""
        return tuple(self.accounts.get(cloud, ())) or (DEFAULT_ACCOUNT,)

    def account(self, cloud: str, name: str) -> Mapping[str, Any]:
        """The settings of one account: those of its cloud, each replaced as a whole by the account's own."""
        return {**self.section("cloud", cloud), **self.accounts.get(cloud, {}).get(name, {})}


_GROUP_OF_KIND = {
    "cloud": "clouds",
    "backend": "backends",
    "storage": "storage",
    "engine": "engines",
    "sandbox": "sandboxes",
}
_GROUPS = (*_GROUP_OF_KIND.values(), "plugins")
_ALLOWED = ("allowed_clouds", "allowed_identities", "allowed_secrets")
_SINGLE = ("database", *_ALLOWED)
_SECTIONS = {
    "budget": tuple(field.name for field in fields(Budget)),
    "jobs": tuple(field.name for field in fields(Jobs)),
    "server": tuple(f"keep_{field.name}" for field in fields(Keep)),
}
KEYS = (*_SINGLE, *(f"{section}.{key}" for section, keys in _SECTIONS.items() for key in keys))  # all of core's own


def load_config(path: Path | None = None) -> Config:
    """Read the configuration file, where there is one, and the environment. Raises InvalidConfig naming the key."""
    path = path or home() / FILE_NAME
    try:
        config = parse_config(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        config = Config()
    except OSError as error:
        raise InvalidConfig(
            f"cannot read {path}: {error.strerror}",
            hint="Mend it, or set STYX_HOME to another directory.",
            file=str(path),
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidConfig(f"cannot read {path}: it is not UTF-8 text", file=str(path)) from error
    url, secret = os.environ.get(DATABASE_VARIABLE), os.environ.get(SECRET_VARIABLE)
    config = replace(config, database=url) if url else config
    return replace(config, jobs=replace(config.jobs, webhooks_secret=secret)) if secret else config


def parse_config(text: str, source: str = FILE_NAME) -> Config:
    """Read configuration text; ``source`` names it in errors. Raises InvalidConfig."""
    from styx import plain_yaml

    data = plain_yaml.read(text, source)
    if data is None:
        return Config()
    if not isinstance(data, dict):
        raise InvalidConfig(f"{source} must hold a mapping, not {type(data).__name__}", file=source)
    return _check(data, source)


def _names(data: Mapping[Any, Any], field: str, source: str) -> tuple[str, ...] | None:
    found = data.get(field)
    if found is None:
        return None
    if not (isinstance(found, list) and all(isinstance(name, str) for name in found)):
        raise InvalidConfig(f"{source}: {field} must be a list of names", file=source, field=field)
    return tuple(found)


def _check(data: Mapping[Any, Any], source: str) -> Config:
    _require_known(data, (*_SINGLE, *_SECTIONS, *_GROUPS), source)
    database = data.get("database")
    if database is not None and not isinstance(database, str):
        raise InvalidConfig(f"{source}: database must be a URL", file=source, field="database")
    allowed, identities, secrets = (_names(data, field, source) for field in _ALLOWED)
    groups: dict[str, Mapping[str, Mapping[str, Any]]] = {}
    for group in _GROUPS:
        sections = data.get(group) or {}
        if not isinstance(sections, dict) or not all(isinstance(s, dict | None) for s in sections.values()):
            raise InvalidConfig(f"{source}: {group} must map names to settings", file=source, field=group)
        groups[group] = {str(name): section or {} for name, section in sections.items()}
    accounts = {cloud: _accounts(section, f"clouds.{cloud}", source) for cloud, section in groups["clouds"].items()}
    groups["clouds"] = {
        cloud: {key: value for key, value in section.items() if key != ACCOUNTS}
        for cloud, section in groups["clouds"].items()
    }
    return Config(
        database=database,
        allowed_clouds=allowed,
        allowed_identities=identities or (),
        allowed_secrets=secrets or (),
        accounts=accounts,
        budget=_budget(data.get("budget"), accounts, source),
        jobs=_jobs(data.get("jobs"), source),
        keep=_keep(data.get("server"), source),
        **groups,
    )


def _require_known(data: Mapping[Any, Any], known: tuple[str, ...], source: str, section: str = "") -> None:
    for key in data:
        if key not in known:
            field = f"{section}.{key}" if section else key
            raise InvalidConfig(
                f"{source}: unknown key {field!r}", hint=suggest(str(key), known), file=source, field=field
            )


_ACCOUNT_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def _accounts(section: Mapping[str, Any], place: str, source: str) -> Mapping[str, Mapping[str, Any]]:
    """What ``accounts`` in the section of a cloud says. The settings themselves are the plugin's to check."""
    found, place = section.get(ACCOUNTS) or {}, f"{place}.{ACCOUNTS}"
    if not isinstance(found, dict) or not all(isinstance(settings, dict | None) for settings in found.values()):
        raise InvalidConfig(f"{source}: {place} must map names of accounts to settings", file=source, field=place)
    for name in found:
        if not (isinstance(name, str) and _ACCOUNT_NAME.fullmatch(name)):
            raise InvalidConfig(
                f"{source}: {place} has {name!r}, which is no name of an account",
                hint="Use letters, digits, '.', '_' and '-': at most 63. A number needs quotes.",
                file=source,
                field=place,
            )
    return {name: settings or {} for name, settings in found.items()}


def _budget(data: object, accounts: Mapping[str, Mapping[str, Any]], source: str) -> Budget:
    """Raises InvalidConfig, also for an account that is not there: a ceiling must not be lost to a typing error."""
    if data is None:
        return Budget()
    if not isinstance(data, dict):
        raise InvalidConfig(f"{source}: budget must be a section", file=source, field="budget")
    _require_known(data, _SECTIONS["budget"], source, "budget")
    parts = _amounts(data, ACCOUNTS, "CLOUD or CLOUD/ACCOUNT to USD an hour", source)
    for key in parts:
        cloud, slash, name = key.partition("/")
        known = tuple(accounts.get(cloud) or (DEFAULT_ACCOUNT,))
        if slash and name not in known:
            place = f"budget.{ACCOUNTS}.{key}"
            raise InvalidConfig(
                f"{source}: {place}: cloud {cloud!r} has no account {name!r}",
                hint=suggest(name, known, "Its accounts"),
                file=source,
                field=place,
            )
    whole = {key: data[key] for key in ("max_hourly_cost", "monthly") if data.get(key) is not None}
    return Budget(
        accounts=parts,
        users=_amounts(data, "users", "names of users to USD an hour", source),
        users_monthly=_amounts(data, "users_monthly", "names of users to USD a month", source),
        **{key: _amount(value, f"budget.{key}", source) for key, value in whole.items()},
    )


def _jobs(data: object, source: str) -> Jobs:
    if data is None:
        return Jobs()
    if not isinstance(data, dict):
        raise InvalidConfig(f"{source}: jobs must be a section", file=source, field="jobs")
    _require_known(data, _SECTIONS["jobs"], source, "jobs")
    given = {key: value for key, value in data.items() if value is not None}
    found: dict[str, Any] = {
        key: _number(given[key], f"jobs.{key}", source) for key in ("at_once", "per_user", "max_log") if key in given
    }
    pools, allow = given.get("pools", {}), given.get("webhooks_allow", [])
    if not isinstance(pools, dict):
        raise InvalidConfig(f"{source}: jobs.pools must map names to numbers", file=source, field="jobs.pools")
    if not (isinstance(allow, list) and all(isinstance(each, str) for each in allow)):
        place = "jobs.webhooks_allow"
        raise InvalidConfig(f"{source}: {place} must be a list of hosts and networks", file=source, field=place)
    secret = given.get("webhooks_secret", "")
    if not isinstance(secret, str):
        place = "jobs.webhooks_secret"
        raise InvalidConfig(
            f"{source}: {place} must be a text", hint="A number needs quotes.", file=source, field=place
        )
    return Jobs(
        **found,
        pools={str(name): _number(most, f"jobs.pools.{name}", source) for name, most in pools.items()},
        webhooks_allow=tuple(allow),
        webhooks_secret=secret,
    )


FOREVER = "forever"


def _keep(data: object, source: str) -> Keep:
    if data is None:
        return Keep()
    if not isinstance(data, dict):
        raise InvalidConfig(f"{source}: server must be a section", file=source, field="server")
    _require_known(data, _SECTIONS["server"], source, "server")
    return Keep(
        **{
            str(key).removeprefix("keep_"): _days(value, f"server.{key}", source)
            for key, value in data.items()
            if value is not None
        }
    )


def _days(value: object, place: str, source: str) -> int | None:
    if value == FOREVER:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LONGEST:
        raise InvalidConfig(
            f"{source}: {place} is {value!r}, which is no number of days",
            hint=f"From 1 to {_LONGEST}, or {FOREVER}.",
            file=source,
            field=place,
        )
    return value


def _number(value: object, place: str, source: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidConfig(f"{source}: {place} is {value!r}, which is no whole number", file=source, field=place)
    return value


def require_clouds(ceilings: Iterable[str], known: Iterable[str]) -> None:
    """Raise InvalidConfig for a key of ``budget.accounts`` with a cloud not ``known``: no typing error loses one."""
    names = tuple(dict.fromkeys(known))
    for key in ceilings:
        cloud, place = key.partition("/")[0], f"budget.{ACCOUNTS}.{key}"
        if cloud not in names:
            raise InvalidConfig(
                f"settings: {place}: there is no cloud {cloud!r}", hint=suggest(cloud, names, "There are"), field=place
            )


def _amounts(data: Mapping[Any, Any], key: str, what: str, source: str) -> dict[str, Decimal]:
    """The part of the budget under this key; ``what`` says in an error what it must map to what."""
    found, place = data.get(key) or {}, f"budget.{key}"
    if not isinstance(found, dict):
        raise InvalidConfig(f"{source}: {place} must map {what}", file=source, field=place)
    return {str(name): _amount(value, f"{place}.{name}", source) for name, value in found.items()}


def _amount(value: object, place: str, source: str) -> Decimal:
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite() or amount < 0:
        raise InvalidConfig(f"{source}: {place} is {value!r}, which is no amount of USD", file=source, field=place)
    return amount


def suggest(word: str, known: tuple[str, ...], what: str = "Known keys") -> str:
    """The hint for a word that is none of ``known``."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, 1)
    return f"Did you mean {close[0]!r}?" if close else f"{what}: {', '.join(known)}."
