"""The second way to write a cloud: a few calls for single machines, from which the contract is derived."""

from styx.api.simple.cloud import EVERYWHERE, SimpleCloud
from styx.api.simple.errors import ErrorMap, refusal
from styx.api.simple.http import JsonApi
from styx.api.simple.machine import Machine, MachineType, Order, Rest, ssh_endpoint
from styx.api.simple.ports import SimplePorts
from styx.api.simple.stopping import SimpleStop

__all__ = [
    "EVERYWHERE",
    "ErrorMap",
    "JsonApi",
    "Machine",
    "MachineType",
    "Order",
    "Rest",
    "SimpleCloud",
    "SimplePorts",
    "SimpleStop",
    "refusal",
    "ssh_endpoint",
]
