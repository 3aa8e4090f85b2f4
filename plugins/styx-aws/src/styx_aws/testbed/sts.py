"""STS as moto has it, but that the keys which it hands out are known afterwards, each to its account."""

from __future__ import annotations

import secrets
import string
from typing import Any, ClassVar

from moto.core.responses import ActionResult
from moto.sts.responses import TokenResponse

from styx_aws.testbed.bed import Bed


class Sts(TokenResponse):
    """Answers one request. What a session may do beyond its account's rights is not looked at."""

    bed: ClassVar[Bed]

    def get_federation_token(self) -> ActionResult:
        """For a part of what the caller may do."""
        return self._handed_out(super().get_federation_token())

    def get_session_token(self) -> ActionResult:
        """For a while."""
        return self._handed_out(super().get_session_token())

    def _handed_out(self, answer: ActionResult) -> ActionResult:
        """The answer with a key of its own, where moto has the same for everybody."""
        result: Any = answer.result
        key = "ASIA" + "".join(secrets.choice(string.ascii_uppercase) for _ in range(16))
        result["Credentials"]["AccessKeyId"] = key
        with self.bed.lock:
            self.bed.handed_out[key] = self.current_account
        return answer
