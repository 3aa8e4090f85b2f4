"""A strategy of one's own: a managed job goes on in Europe first, for that is where its data is."""

from __future__ import annotations

from styx.hookspecs import Leaning, Loss, Site, hookimpl

NEAR = (Site("aws", "eu-central-1"), Site("gcp", "europe-west3"))


@hookimpl
def styx_recovery(strategy: str, loss: Loss) -> Leaning | None:
    """Answer for ``--strategy near-the-data`` alone; where a machine was just taken back, ask last."""
    if strategy != "near_the_data":
        return None
    prefer = tuple(site for site in NEAR if not site.covers(loss.site.cloud, loss.site.region, loss.site.zone))
    return Leaning(prefer=prefer, avoid=(loss.site,))
