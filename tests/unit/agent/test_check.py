"""Reading untrusted parameters: a value of the right kind, or bad_request, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from styx.agent import check
from styx.agent.jobs import read_spec
from styx.agent.node import read_config
from styx.agent.protocol import AgentError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def _or_refused(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except AgentError as refused:
        if refused.code != "bad_request":
            raise
        return None


@given(anything)
def test_each_reader_returns_its_kind_or_refuses(value: Any) -> None:
    """Whatever the value, a reader returns one of its kind and range or raises bad_request."""
    params = {"x": value}
    text = _or_refused(lambda: check.text(params, "x"))
    assert text is None or (isinstance(text, str) and "\0" not in text)
    integer = _or_refused(lambda: check.integer(params, "x"))
    assert integer is None or (type(integer) is int and 0 <= integer <= check.MAX_NUMBER)
    number = _or_refused(lambda: check.number(params, "x"))
    assert number is None or (type(number) is float and 0 <= number <= check.MAX_NUMBER and not math.isnan(number))
    flag = _or_refused(lambda: check.flag(params, "x"))
    assert flag is None or type(flag) is bool
    assert isinstance(_or_refused(lambda: check.mapping(params, "x")) or {}, dict)
    variables = _or_refused(lambda: check.variables(params, "x")) or {}
    assert all(name and "=" not in name and isinstance(text, str) for name, text in variables.items())
    listing = _or_refused(lambda: check.listing(params, "x", int)) or []
    assert all(type(member) is int for member in listing)


@given(st.dictionaries(st.sampled_from(["key", "run", "envs", "num_nodes", "cpus", "gpus", "cluster_info"]), anything))
def test_any_submit_is_a_job_or_a_bad_request(params: dict[str, Any]) -> None:
    """Nonsense in a submit never raises anything else."""
    spec = _or_refused(lambda: read_spec(params, []))
    assert spec is None or spec["key"]


@given(
    st.dictionaries(
        st.sampled_from(["cluster_key", "rank", "num_nodes", "node_ips", "peers", "self_stop", "home", "env"]), anything
    )
)
def test_any_configuration_is_one_or_a_bad_request(params: dict[str, Any]) -> None:
    """Nonsense in a configuration never raises anything else."""
    config = _or_refused(lambda: read_config({"cluster_key": "k", **params}))
    assert config is None or config["rank"] < config["num_nodes"]


@pytest.mark.parametrize(
    "peers",
    [{"1": {"socket": 5}}, {"1": {"argv": []}}, {"1": {"argv": ["a", 1]}}, {"one": {"socket": "/x"}}, {"1": "/x"}],
)
def test_addresses_of_peers(peers: dict[str, Any]) -> None:
    """A peer has a number, and a socket's path or a command."""
    with pytest.raises(AgentError):
        read_config({"cluster_key": "k", "num_nodes": 2, "peers": peers})
    good = {"1": {"socket": "/x"}, "2": {"argv": ["ssh", "x"]}}
    assert read_config({"cluster_key": "k", "num_nodes": 3, "peers": good})["peers"] == good


def test_environments_take_what_linux_takes() -> None:
    """Names with a dot or a dash and empty values pass; an equals sign or a NUL does not."""
    assert check.variables({"e": {"a.b-c": ""}}, "e") == {"a.b-c": ""}
    for bad in ({"a=b": "c"}, {"": "c"}, {"a\0": "c"}, {"a": "b\0"}, {"a": 5}):
        with pytest.raises(AgentError):
            check.variables({"e": bad}, "e")
