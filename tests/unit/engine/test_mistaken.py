"""Names that nothing has are told apart from machines that nobody has left, with what was perhaps meant."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from styx.api import BadInput, CatalogError, NoOffer
from styx.engine import mistaken as mistakes
from styx.engine import plan as planning
from styx.engine.mistaken import mistaken
from styx.spec import Resources
from styx.testing.memory.catalog import default_offers
from support.world import HELLO, World, quiet


@pytest.fixture(autouse=True)
def _catalogs(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[str]:
        raise CatalogError("cannot be read", file="prices.csv", line=1)

    shown = [
        (SimpleNamespace(cloud="far", distribution="styx-far", launchable=False),
         SimpleNamespace(accelerators=lambda: [SimpleNamespace(name="H100")], types=lambda: ["p5.48xlarge"],
                         regions=lambda: ["us-east-1", "us-west-1"])),
        (SimpleNamespace(cloud="torn", distribution="styx-torn", launchable=False),
         SimpleNamespace(accelerators=broken, types=broken, regions=broken)),
    ]  # fmt: skip
    monkeypatch.setattr(mistakes, "catalogs", lambda: shown)
    monkeypatch.setattr(planning, "catalogs", lambda: shown)


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"accelerators": "h100:3"}, None),
        ({"accelerators": "A100:99"}, None),
        ({"accelerators": "H1000"}, "Nothing known has accelerator 'H1000'. Did you mean 'H100'?"),
        ({"accelerators": "HIO0"}, "Nothing known has accelerator 'HIO0'. Did you mean 'H100'?"),
        ({"accelerators": "Cerebras"}, "Nothing known has accelerator 'Cerebras'."),
        ({"accelerators": "80GB+"}, None),
        ({"instance_type": "p5.48xlarg"}, "Nothing known has instance type 'p5.48xlarg'. Did you mean 'p5.48xlarge'?"),
        ({"instance_type": "SMALL"}, None),
        ({"cpus": 4}, None),
        ({"infra": "far/us-esat-1"}, "Nothing known has region 'us-esat-1'. Did you mean 'us-east-1'?"),
        ({"infra": "*/us-esat-1"}, "Nothing known has region 'us-esat-1'. Did you mean 'us-east-1'?"),
        ({"infra": "memory/us-east-1"}, "Nothing known has region 'us-east-1'."),
        ({"infra": "*/WEST"}, None),
        ({"infra": "k8s/mine"}, None),
        ({"any_of": [{"accelerators": "H100"}, {"accelerators": "X1"}]}, "Nothing known has accelerator 'X1'."),
    ],
)
def test_names_that_nothing_has(resources: dict[str, object], said: str | None) -> None:
    """Offers at hand and every catalog that can be read are what is known, whatever the case."""
    assert mistaken(Resources(**resources).spec, default_offers()) == said


async def test_a_launch_says_so(world: World) -> None:
    """It is the hint of the error that nothing fits."""
    task = HELLO.resources(Resources(accelerators="H1000"))
    with pytest.raises(NoOffer) as refused:
        await world.engine().launch(task, "c", quiet)
    assert refused.value.hint == "Nothing known has accelerator 'H1000'. Did you mean 'H100'?"


@pytest.mark.parametrize(
    ("cloud", "said", "hint"),
    [
        ("far", "styx-far only shows what far sells", "`styx explain` says"),
        ("memry", "no plugin provides a cloud named 'memry'", "Did you mean 'memory'?"),
        ("fare", "no plugin provides a cloud named 'fare'", "Did you mean 'far'?"),
    ],
)
async def test_a_cloud_that_cannot_be_launched_on(world: World, cloud: str, said: str, hint: str) -> None:
    """One that is only shown is told from one that does not exist."""
    with pytest.raises(BadInput, match=said) as refused:
        await world.engine().launch(HELLO.resources(Resources(infra=cloud)), "c", quiet)
    assert hint in str(refused.value.hint)
