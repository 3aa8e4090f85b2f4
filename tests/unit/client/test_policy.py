"""What the credentials of a cloud need, as a client tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from styx.api import BadInput, Unsupported
from styx.client.diagnosis import policy
from styx.testing.memory.cloud import BareMemoryCloud
from support.world import World


async def test_the_clouds_own_words(tmp_path: Path) -> None:
    """No method of the provider is called for it but the one."""
    world = World(tmp_path)
    assert '"allow"' in policy(world.engine().context, "memory")
    assert world.account.calls == []
    await world.close()


async def test_a_cloud_that_tells_none(tmp_path: Path) -> None:
    """One sentence says so; and so does one of a cloud that is not there."""
    world = World(tmp_path, BareMemoryCloud)
    with pytest.raises(Unsupported, match="cloud 'memory' does not support policy") as caught:
        policy(world.engine().context, "memory")
    assert caught.value.exit_code == 2
    with pytest.raises(BadInput, match="no cloud is named 'awz'"):
        policy(world.engine().context, "awz")
    await world.close()
