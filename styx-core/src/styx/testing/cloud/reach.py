"""Whether the provider can be asked at all: found out once, before anything that needs it is tried."""

from __future__ import annotations

import pytest

from styx.api import AuthFailed, Cloud, PermissionDenied, ProviderError
from styx.testing.driver import Driver
from styx.testing.verdict import GaveUp, told

PATIENCE = 3.0  # seconds for a provider that is there and busy; each rule then has a patience of its own


class Reach:
    """What one suite knows of its provider. The first test that asks for it fails, the others are skipped."""

    def __init__(self) -> None:
        self._reason: str | None = None

    def require(self, cloud: Cloud, driver: Driver) -> None:
        """Go on only where check() gets to the provider and is let in. What else is wrong with it, its rules say."""
        __tracebackhide__ = True
        if self._reason is None:
            self._reason, change = _tried(cloud, driver)
            if self._reason:
                said = told(
                    "the provider cannot be asked, so the rules cannot be tried",
                    did=self._reason,
                    contract="the kit asks a real account, as core would",
                    change=change,
                )
                pytest.fail(said, pytrace=False)
        if self._reason:
            pytest.skip(f"the provider cannot be asked: {self._reason}")


def _tried(cloud: Cloud, driver: Driver) -> tuple[str, str]:
    """What kept check() from being answered, and what to do; nothing where it was answered."""
    try:
        driver.call(cloud.check, what="check()", patience=PATIENCE)
    except (AuthFailed, PermissionDenied) as error:
        said = f"check() raised {type(error).__name__}: {error}"
        return said, "give the fixture `cloud` credentials that the provider accepts"
    except GaveUp as error:
        return str(error), "see that what the fixture `cloud` points at is running, and that the address is right"
    except (ProviderError, AssertionError):
        pass  # it answers, and wrongly
    return "", ""
