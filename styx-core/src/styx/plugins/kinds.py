"""What plugins can provide and implement, as data that is read without importing the contract."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One kind of thing that a plugin provides by name.

    ``group`` is its entry-point group, ``hook`` the pluggy hook that lists it, ``base`` the class in the contract that
    it subclasses, and ``capabilities`` maps what a manifest may claim to the protocol that the class must then satisfy.
    """

    name: str
    group: str
    hook: str
    base: str
    capabilities: dict[str, str]

    @property
    def section(self) -> str:
        """The section of the settings that holds those of each provider of this kind, by name."""
        return self.group.removeprefix("styx.")


_CLOUD_CAPABILITIES = {
    name: f"styx.api.cloud:{protocol}"
    for name, protocol in {
        "admit": "SupportsAdmit",
        "consolelog": "SupportsConsoleLog",
        "discard": "SupportsDiscard",
        "policy": "SupportsPolicy",
        "ports": "SupportsPorts",
        "selfstop": "SupportsSelfStop",
        "shutdown": "SupportsShutdown",
        "spot": "SupportsSpot",
        "stop": "SupportsStop",
        "transport": "SupportsTransport",
    }.items()
}

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("cloud", "styx.clouds", "styx_clouds", "styx.api.cloud:Cloud", _CLOUD_CAPABILITIES),
        Kind("backend", "styx.backends", "styx_backends", "styx.api.backend:Backend", {}),
        Kind("storage", "styx.storage", "styx_storage", "styx.api.storage:Storage", {}),
        Kind("engine", "styx.engines", "styx_engines", "styx.api.engine:Engine", {}),
        Kind("sandbox", "styx.sandboxes", "styx_sandboxes", "styx.api.sandbox:Sandbox", {}),
    )
}

BEHAVIOUR_HOOKS = (
    "styx_doctor", "styx_event", "styx_policy", "styx_recovery", "styx_routes", "styx_sealing_key", "styx_secret",
)  # fmt: skip
PLUGIN_GROUP = "styx.plugins"
MANIFEST_NAME = "styx-plugin.toml"
