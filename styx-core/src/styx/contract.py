"""The contract's version per kind, as ``(major, minor)``; plugins find it in :mod:`styx.api`.

A minor version only adds: a plugin written for 1.0 works under 1.3. A major version may break, and core then says what
to install. Plugins state in their manifest the version they were written for.

It stands beside the contract rather than in it, so that manifests can be judged without importing all of the contract.
"""

CONTRACT: dict[str, tuple[int, int]] = {
    "cloud": (1, 1),
    "backend": (1, 1),
    "storage": (1, 1),
    "engine": (0, 1),
    "sandbox": (0, 1),
    "hooks": (1, 0),
}
