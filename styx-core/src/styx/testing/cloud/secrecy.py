"""Rules about secrets: neither stored, nor logged, nor left on a node. For clouds whose settings hold any."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import pytest

from styx.api import Cloud, ProviderError
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.lab import Lab
from styx.testing.cloud.stopping import run_on
from styx.testing.verdict import ContractBroken, GaveUp, expect

LEAST = 8  # characters of a secret that is looked for
# Everything that a job there could read of its surroundings: variables, and small files of the home directory.
SEARCH = "env; find . -type f -size -64k -exec cat {} + 2>/dev/null"


class SecrecyRules(CloudRules):
    """Where a credential must not turn up. The fixture ``secrets`` says what to look for."""

    def test_answers_hold_no_secret(self, cloud: Cloud, lab: Lab, secrets: list[str]) -> None:
        """Receipts, nodes and offers are stored and shown, so no credential is in them."""
        secrets = _telling(secrets)
        launched = lab.running()
        who = lab.driver.call(cloud.check, what="check()")
        told = repr((who, lab.offer, launched.receipt, lab.look(None)))
        expect(
            not any(secret in told for secret in secrets),
            did="a credential is in what check(), offers(), launch() or observe() returned",
            contract="answers are stored and shown; secrets are in neither",
            change="keep credentials in services.config, and out of data, names and endpoints",
        )

    def test_logs_hold_no_secret(self, lab: Lab, secrets: list[str]) -> None:
        """Whatever is logged while a machine comes and goes, at any level, no credential is in it."""
        secrets = _telling(secrets)
        with _logged() as lines:
            launched = lab.running()
            with contextlib.suppress(ProviderError, ContractBroken, GaveUp):  # other rules' business
                lab.wait_until_gone(launched, settled=False)
        telling = sorted({name for name, line in lines if any(secret in line for secret in secrets)})
        expect(
            not telling,
            did=f"these loggers wrote a credential down: {', '.join(telling)}",
            contract="secrets are in no log",
            change="log what was asked for, not with which headers; switch the SDK's wire log off",
        )

    def test_credentials_stay_off_nodes(self, lab: Lab, secrets: list[str]) -> None:
        """A node holds no credential of the account. Seen on process endpoints only."""
        secrets = _telling(secrets)
        found = run_on(lab.running().nodes[0], SEARCH)
        expect(
            not any(secret in found for secret in secrets),
            did="a credential of the account is in the environment or the home directory of a node",
            contract="cloud credentials are not on a node, unless the task asks for them",
            change="give machines no key of the account; what has to be there is declared in the manifest (injects)",
        )


def _telling(secrets: list[str]) -> list[str]:
    """Those long enough not to turn up by chance, as "test" does in a path; without any the test is skipped."""
    return [secret for secret in secrets if len(secret) >= LEAST] or pytest.skip(
        f"no setting is a secret of {LEAST} characters or more"
    )


@contextlib.contextmanager
def _logged() -> Iterator[list[tuple[str, str]]]:
    """Everything that any logger is given, whatever its level, with the logger's name."""
    lines: list[tuple[str, str]] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((record.name, record.getMessage()))

    root, keeper = logging.getLogger(), Keeper()
    named = [each for each in logging.Logger.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    levels = {logger: logger.level for logger in (root, *named)}
    root.addHandler(keeper)
    try:
        for logger in levels:
            logger.setLevel(logging.DEBUG)
        yield lines
    finally:
        root.removeHandler(keeper)
        for logger, level in levels.items():
            logger.setLevel(level)
