"""The clouds this installation can use, and the accounts of each."""

from __future__ import annotations

import logging
from pathlib import Path

from styx.api.cloud import Cloud
from styx.api.errors import BadInput, InvalidConfig, StoreError
from styx.api.services import Clock, Services
from styx.catalog.query import CloudOffers
from styx.config import ACCOUNTS, DEFAULT_ACCOUNT, Config
from styx.engine.account import CloudAccount
from styx.plugins.manager import PluginManager
from styx.plugins.paths import make_private
from styx.store.turns import Turns

__all__ = ["DEFAULT_ACCOUNT", "CloudAccount", "Clouds"]


class Clouds:
    """All usable clouds by name, and their accounts; each is made when first asked for."""

    def __init__(
        self,
        plugins: PluginManager,
        config: Config,
        home: Path,
        installation: str,
        clock: Clock,
        turns: Turns | None = None,
    ) -> None:
        self._plugins = plugins
        self._config = config
        self._home = home
        self._installation = installation
        self._clock = clock
        self._turns = turns
        self._made: dict[tuple[str, str], CloudAccount] = {}

    def names(self) -> list[str]:
        """The clouds that are installed, in order, and allowed by the configuration."""
        allowed = self._config.allowed_clouds
        return [name for name in self._plugins.names("cloud") if allowed is None or name in allowed]

    def accounts(self, name: str) -> tuple[str, ...]:
        """The accounts of this cloud as the settings name them; where they name none there is one, ``default``."""
        return self._config.accounts_of(name)

    def get(self, name: str, account: str = DEFAULT_ACCOUNT) -> CloudAccount:
        """That account of that cloud. Raises BadInput where there is none, PluginError, and InvalidConfig."""
        key = (name, account or DEFAULT_ACCOUNT)
        if key not in self._made:
            if self._config.allowed_clouds is not None and name not in self._config.allowed_clouds:
                raise BadInput(f"cloud {name!r} is not in allowed_clouds", hint="Change config.yaml to allow it.")
            if key[1] not in self.accounts(name):
                hint = f"There are: {', '.join(self.accounts(name))}. One that was renamed needs its old name again."
                if key[1] == DEFAULT_ACCOUNT:
                    hint = (
                        f"Before its accounts had names it was all there was: name one so in clouds.{name}.{ACCOUNTS}."
                    )
                raise BadInput(f"cloud {name!r} has no account {key[1]!r}", hint=hint)
            self._made[key] = CloudAccount(self._make(*key), key[1], self._clock, self._turns)
        return self._made[key]

    def services(self, kind: str, name: str, account: str = DEFAULT_ACCOUNT) -> Services:
        """The surroundings for one plugin object of this installation."""
        own = name if account == DEFAULT_ACCOUNT else f"{name}@{account}"
        state_dir = self._home / own if kind == "cloud" else self._home / f"{kind}-{name}"
        try:
            make_private(str(state_dir))
        except OSError as error:
            raise StoreError(f"cannot make {state_dir}: {error.strerror}", hint="Set STYX_HOME elsewhere.") from error
        section = self._config.section(kind, name)
        return Services(
            installation=self._installation,
            account=account,
            config=self._config.account(name, account) if kind == "cloud" else section,
            state_dir=state_dir,
            clock=self._clock,
            log=logging.getLogger(f"styx.{kind}.{own}"),
            catalog=CloudOffers(name) if kind == "cloud" else None,
        )

    def _make(self, name: str, account: str) -> Cloud:
        try:
            cloud = self._plugins.create("cloud", name, self.services("cloud", name, account))
        except InvalidConfig as error:
            raise self._located(error, name, account) from error
        assert isinstance(cloud, Cloud)
        return cloud

    def _located(self, error: InvalidConfig, name: str, account: str) -> InvalidConfig:
        """The error with the field where it is written: the plugin has seen the account's settings as one section."""
        section, field = f"clouds.{name}", str(error.field or "")
        key = field.removeprefix(f"{section}.").partition(".")[0]
        inherited = key in self._config.section("cloud", name)
        own = key in self._config.accounts.get(name, {}).get(account, {})
        if not self._config.accounts.get(name) or not field.startswith(section) or (inherited and not own):
            return error
        there = field.replace(section, f"{section}.{ACCOUNTS}.{account}", 1)
        return InvalidConfig(error.message.replace(field, there, 1), hint=error.hint, field=there)

    def close(self) -> None:
        """Forget the accounts. A call that still hangs keeps nobody from ending."""
        self._made.clear()
