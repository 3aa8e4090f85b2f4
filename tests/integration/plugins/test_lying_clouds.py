"""Clouds that answer nonsense, all installed at once: each is named, and the others are not disturbed."""

import json
from pathlib import Path

import pytest

from support.plugin_packages import Package

MANIFEST = """
name = "{name}"
summary = "A cloud that lies."

[contract]
cloud = "1.0"

[[provides]]
kind = "cloud"
name = "{name}"
target = "styx_{name}.cloud:LyingCloud"
"""
CLOUD = """
import asyncio, sys
from decimal import Decimal
from styx.api import (
    Cloud, Idempotency, Identity, NotYet, Observation, Offer, Prepared, RateLimited, Receipt, Scope, Traits
)


class LyingCloud(Cloud):
    name = "@"
    traits = Traits(idempotency=Idempotency.NAME)

    def offer(self, **more):
        plain = dict(
            cloud="@", scope=Scope("s"), instance_type="tiny", vcpus=64, memory_gib=256, hourly_price=Decimal("-0")
        )
        return Offer(**plain | more)

    def check(self): return Identity("acct")
    def scopes(self): return [Scope("s")]
    def offers(self, query): return [self.offer()]
    def prepare(self, request): return Prepared(request.owner, request.offer.scope, request.ranks, "{}")
    def launch(self, prepared): return Receipt(prepared.token, {r: f"n{r}" for r in prepared.ranks})
    def observe(self, scope, owners): return Observation(scope, self.services.clock.now())
    def terminate(self, scope, owner, receipts): pass
"""
# What offers() does, and what is said of it.
OFFERS = {
    "words": ("return 'abc'", "one of offers() is 'a', which is no Offer"),
    "hollow": ("return [None]", "one of offers() is None, which is no Offer"),
    "midway": ("yield self.offer()\n        raise KeyError('mid')", "KeyError: 'mid'"),
    "gift": ("return [self.offer(hourly_price=Decimal(-5))]", "Offer.hourly_price is Decimal('-5')"),
    "nanny": ("return [self.offer(hourly_price=Decimal('NaN'))]", "Offer.hourly_price is Decimal('NaN')"),
    "cheap": ("return [self.offer(spot_hourly_price='1')]", "Offer.spot_hourly_price is '1'"),
    "boundless": ("return [self.offer(vcpus=float('inf'))]", "Offer.vcpus is inf"),
    "nowhere": ("return [self.offer(scope=None)]", "Offer.scope is None"),
    "thief": ("return [self.offer(cloud='local')]", "a machine of another cloud, 'local'"),
    "gadgets": ("return [self.offer(accelerators=('H100',))]", "one of Offer.accelerators is 'H100'"),
    "ctrlc": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "undone": ("raise asyncio.CancelledError", "CancelledError"),
    "quitter": ("sys.exit(3)", "it called sys.exit(3)"),
    "patient": ("raise ValueError('x')", "ValueError: x"),
}


def install(site: Path, name: str, body: str) -> None:
    """A plugin whose cloud differs in ``body`` from one that keeps the contract."""
    Package(
        name=name,
        manifest=MANIFEST.format(name=name),
        modules={"cloud": CLOUD.replace("@", name) + body},
        clouds=(f"{name} = styx_{name}.cloud:LyingCloud",),
    ).install(site)


def test_offers_that_are_none(styx, site: Path):
    """A cloud whose offers cannot be read is left out, with what was wrong; nobody else's are lost."""
    for name, (body, _) in OFFERS.items():
        install(site, name, f"\n    def offers(self, query):\n        {body}\n")
    plan = styx("launch", "--dryrun", "-o", "json", "true")
    assert plan.returncode == 0, plan.stderr
    assert json.loads(plan.stdout)["chosen"]["infra"] == "local"
    refused = styx("launch", "--dryrun", "--gpus", "H100:8", "true")
    assert refused.returncode == 75
    said = {line.split()[0]: line for line in refused.stdout.splitlines() if line}
    for name, (_, problem) in OFFERS.items():
        assert f"plugin '{name}' failed in offers: " in said[name]
        assert problem in said[name]


@pytest.mark.parametrize(
    ("method", "problem"),
    [
        ("check(self): return 'me'", "check: TypeError: check() is 'me', which is no Identity"),
        ("check(self): return Identity(None)", "check: TypeError: Identity.account is None"),
        ("prepare(self, request): return None", "prepare: TypeError: prepare() is None"),
        ("launch(self, prepared): return 'done'", "launch: TypeError: launch() is 'done', which is no Receipt"),
        ("observe(self, scope, owners): return []", "observe: TypeError: observe() is [], which is no Observation"),
        ("observe(self, scope, owners): raise KeyboardInterrupt", "observe: KeyboardInterrupt"),
    ],
)
def test_answers_that_are_none(styx, site: Path, method, problem):
    """The launch ends with an error that names the plugin, and what is on record can be looked at."""
    install(site, "liar", f"\n    def {method}\n")
    made = styx("launch", "-y", "-c", "dev", "--infra", "liar", "true")
    assert made.returncode not in {0, 130}
    assert f"plugin 'liar' failed in {problem}" in made.stderr
    assert "Traceback" not in made.stderr
    assert styx("status").returncode == 0
    assert styx("launch", "-y", "-c", "other", "--infra", "local", "true").returncode == 0
    assert styx("down", "-y", "other").returncode == 0
