"""Rules about the intent: what core stores before the first call that costs money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from styx.api import Cloud, LaunchRequest, Offer, Prepared, ProviderError
from styx.testing.cloud.base import CloudRules
from styx.testing.cloud.elsewhere import prepared_elsewhere
from styx.testing.cloud.lab import RUNNING_TEST, Lab
from styx.testing.verdict import ContractBroken, GaveUp, expect


class PrepareRules(CloudRules):
    """What prepare() must and must not do."""

    @pytest.fixture
    def prepared(self, lab: Lab) -> Prepared:
        """The intent of a one-node launch."""
        try:
            return lab.prepare(lab.request())
        except (ProviderError, ContractBroken, GaveUp) as error:
            pytest.skip(f"needs prepare() to work; {RUNNING_TEST} shows what is wrong ({error})")

    @pytest.fixture
    def elsewhere(self, cloud: Cloud) -> Callable[[LaunchRequest], Prepared]:
        """Prepares in another process; skips the test for a cloud that cannot be taken there."""
        return lambda request: prepared_elsewhere(cloud, request)

    def test_prepare_is_byte_stable(self, prepared: Prepared, lab: Lab, fresh: Callable[[], Cloud]) -> None:
        """The same request gives the same Prepared, from this object and from a fresh one."""
        request = lab.request(prepared.owner)
        again = [lab.prepare(request), lab.prepare(request, fresh())]
        texts = [replace(one, token="-") for one in (prepared, *again)]  # the token has tests of its own
        expect(
            texts[0] == texts[1] == texts[2],
            did=f"the same request was prepared as {prepared.payload!r} and {[one.payload for one in again]!r}",
            contract="prepare() is byte-stable: no times, random values or unordered sets in the payload",
            change="derive everything from the request; json.dumps(..., sort_keys=True)",
        )

    def test_prepare_makes_no_node(self, prepared: Prepared, lab: Lab) -> None:
        """Preparing costs nothing: no machine exists before launch()."""
        nodes = lab.nodes(prepared.owner)
        expect(
            not nodes,
            did=f"after prepare() alone, {[node.id for node in nodes]} exist",
            contract="prepare() creates nothing that is billed; core has not even stored the intent yet",
            change="move the call that creates machines into launch()",
        )

    def test_prepared_repeats_what_was_asked(self, prepared: Prepared, lab: Lab) -> None:
        """Owner, scope and ranks are those of the request."""
        asked = (prepared.owner, lab.offer.scope, (0,))
        again = lab.prepare(lab.request(prepared.owner))
        got = (again.owner, again.scope, again.ranks)
        expect(
            got == asked,
            did=f"asked for {asked}, it prepared {got}",
            contract="Prepared carries the request's owner, the offer's scope, and its ranks as a tuple",
            change="pass request.owner, request.offer.scope and request.ranks on as they are",
        )

    def test_payload_is_text(self, prepared: Prepared) -> None:
        """The payload is stored as text and must come back as it was."""
        expect(
            isinstance(prepared.payload, str),
            did=f"the payload is {type(prepared.payload).__name__}",
            contract="Prepared.payload is the provider's own text, JSON by custom",
            change="return json.dumps(..., sort_keys=True)",
        )

    def test_payload_holds_no_secret(self, prepared: Prepared, secrets: list[str]) -> None:
        """The payload is stored in clear, so no private key or credential is in it."""
        payload = prepared.payload if isinstance(prepared.payload, str) else repr(prepared.payload)
        found = [text[:2] + "…" for text in secrets if text and text in payload]
        found += ["a private key"] if "PRIVATE KEY" in payload else []
        expect(
            not found,
            did=f"the payload holds {', '.join(found)}",
            contract="Prepared.payload holds no secret, for it is stored",
            change="read credentials from services.config inside launch()",
        )

    def test_token_is_the_same_for_the_same_intent(self, prepared: Prepared, lab: Lab) -> None:
        """The same request has the same token, or a replay would buy a second machine."""
        again = lab.prepare(lab.request(prepared.owner))
        expect(
            prepared.token and prepared.token == again.token,
            did=f"the same request got the tokens {prepared.token!r} and {again.token!r}",
            contract="a token is the same for the same intent",
            change="leave Prepared.token out: core derives it from owner, scope, ranks and payload",
        )

    def test_token_differs_for_another_attempt(self, prepared: Prepared, lab: Lab) -> None:
        """Another attempt of the same cluster has another token."""
        other = lab.prepare(lab.request(lab.owner(prepared.owner.cluster)))
        self._differ(prepared, other, "another attempt of the same cluster")

    def test_token_differs_for_other_ranks(self, prepared: Prepared, lab: Lab) -> None:
        """A launch of the missing ranks is another intent than the launch of all."""
        other = lab.prepare(lab.request(prepared.owner, ranks=(1,)))
        self._differ(prepared, other, "another rank")

    def test_token_differs_for_another_offer(self, prepared: Prepared, lab: Lab, offers: list[Offer]) -> None:
        """A token belongs to one offer: under failover the next one must not get the first one's machines."""
        others = [o for o in offers if o.instance_type != lab.offer.instance_type and o.scope == lab.offer.scope]
        if not others:
            pytest.skip("only one offer in this scope")
        other = lab.prepare(lab.request(prepared.owner, offer=others[0]))
        self._differ(prepared, other, "another offer")

    def test_token_differs_for_another_place(self, prepared: Prepared, lab: Lab, offers: list[Offer]) -> None:
        """A token belongs to one place: what is asked for elsewhere is another launch."""
        here = (lab.offer.scope, lab.offer.zone)
        others = [o for o in offers if o.instance_type == lab.offer.instance_type and (o.scope, o.zone) != here]
        if not others:
            pytest.skip("this is offered in one place only")
        other = lab.prepare(lab.request(prepared.owner, offer=others[0]))
        self._differ(prepared, other, "the same type in another place")

    def test_token_differs_for_spot(self, prepared: Prepared, lab: Lab) -> None:
        """A spot machine is bought otherwise, and so by another launch."""
        if lab.offer.spot_hourly_price is None:
            pytest.skip("the offer is not sold as spot")
        other = lab.prepare(replace(lab.request(prepared.owner), spot=True))
        self._differ(prepared, other, "the same machine as spot")

    def test_payload_can_be_stored(self, prepared: Prepared) -> None:
        """The payload survives every database: it has no NUL, and it can be written as UTF-8."""
        if not isinstance(prepared.payload, str):
            pytest.skip("test_payload_is_text shows what is wrong")
        stored = prepared.payload.encode(errors="replace").replace(b"\0", b"?").decode()
        expect(
            stored == prepared.payload,
            did=f"the payload {prepared.payload[:60]!r}… holds NUL or half a surrogate pair",
            contract="Prepared.payload is text: it is stored and must come back as it was",
            change="write bytes into it as base64",
        )

    def test_prepare_is_the_same_in_another_process(
        self, prepared: Prepared, lab: Lab, elsewhere: Callable[[LaunchRequest], Prepared]
    ) -> None:
        """The next client prepares the same request to the same bytes, whatever its hash seed."""
        again = elsewhere(lab.request(prepared.owner))
        expect(
            (again.payload, again.token) == (prepared.payload, prepared.token),
            did=f"prepared as {prepared.payload!r} here, the same request became {again.payload!r} in another process",
            contract="prepare() is byte-stable: a killed client's successor must come to the same text",
            change="sort what comes from sets; use neither hash() nor id(), nor the process's own number",
        )

    @staticmethod
    def _differ(one: Prepared, other: Prepared, what: str) -> None:
        __tracebackhide__ = True
        expect(
            one.token != other.token,
            did=f"{what} got the same token {one.token!r}",
            contract="a token is the same for the same intent, different for any other",
            change="leave Prepared.token out: core derives it from owner, scope, ranks and payload",
        )
