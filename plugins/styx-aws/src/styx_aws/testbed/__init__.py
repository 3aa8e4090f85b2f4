"""AWS on this machine: moto's interfaces over HTTP with the rules that moto leaves out, and real hosts behind them.

::

    python -m styx_aws.testbed -- styx launch --infra aws -- echo hello     # in the testbed's environment
    eval "$(python -m styx_aws.testbed &)"                                  # or for a shell

In Python::

    from styx_aws.testbed import Testbed

    with Testbed() as aws:
        os.environ.update(aws.environment())
        aws.habits.lag = 5.0                                                # lists are behind, both ways
        aws.habits.refuse("ec2:RunInstances", "InsufficientInstanceCapacity", zone="us-east-1a", status=500)
        aws.interrupt(instance_id, seconds=120)                             # the notice, and then the end

Over HTTP the same switches are at ``/_testbed/``: POST to ``habits``, ``refuse`` and ``interrupt`` (JSON), GET
``calls``, ``instances`` and ``address``. Comes with ``pip install 'styx-aws[testbed]'``.
"""

from styx_aws.testbed.habits import ACCOUNTS, Habits, Refusal
from styx_aws.testbed.testbed import Testbed

__all__ = ["ACCOUNTS", "Habits", "Refusal", "Testbed"]
