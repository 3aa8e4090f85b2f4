"""The rules for clouds against the real thing: level 2 of the kit. Level 1 is against a server that stands for it.

Real machines cost money, so a lane has a budget that no launch passes, and a keeper: a process of its own that removes
whatever the lane has made, should that be killed, hang, or outlast its time. See ``python -m styx.testing.live -h``.
"""
