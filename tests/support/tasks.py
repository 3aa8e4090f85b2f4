"""Hypothesis strategies for the task language: anything at all, and tasks that are right."""

from __future__ import annotations

from hypothesis import strategies as st

from styx.spec import alternatives, parse

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["4+", "16GB", "A100:8", "aws/us-east-1", "2h", "1TB", "8080-8090", "$A", "s3://b", "x: y", "{A:1}", "nvme"],
    ),
)
words = st.sampled_from(
    sorted(
        parse.KEYS
        | alternatives.KEYS
        | set(alternatives.LISTS)
        | {
            "url",
            "ref",
            "name",
            "source",
            "mode",
            "store",
            "idle_minutes",
            "down",
            "strategy",
            "hook",
            "A",
            "readiness_probe",
            "path",
        }
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)
tasks_or_not = st.dictionaries(words, anything, max_size=6)
# Text made of what YAML is made of comes upon more of its corners than any text does.
yamlish = st.lists(
    st.sampled_from(
        [
            *(
                "run",
                "envs",
                "resources",
                "a",
                ": ",
                "- ",
                "\n",
                "\n  ",
                "\n    ",
                "&a ",
                "*a",
                "<<: ",
                "!!str ",
                "!x ",
            ),
            *("---\n", "...\n", "|\n", ">-\n ", "'", '"', "\\", "#", "{", "}", "[", "]", ",", "? ", "%YAML 1.1\n"),
            *("\t", "\x00", "é", "0x", "1", ".inf", "~", "@", "`"),
        ]
    ),
    max_size=30,
).map("".join)

_shown = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff")
_text = st.text(_shown, max_size=12)
_value = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
# What YAML and JSON can both hold.
plain_data = st.dictionaries(
    _text,
    st.recursive(_value | _text, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3)),
    max_size=4,
)

name = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
variable = st.from_regex(r"[A-Z][A-Z0-9_]{0,5}", fullmatch=True)
line = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
amount = st.builds(
    lambda size, plus: f"{size}{plus}", st.integers(1, 999) | st.sampled_from([0.5, 1.25]), st.sampled_from(["", "+"])
)
machine = st.fixed_dictionaries(
    {},
    optional={
        "infra": st.sampled_from(["aws", "aws/us-east-1", "*/*/z", "k8s/a/b/c", "*/r"]),
        "cpus": amount,
        "memory": amount | st.just("4x"),
        "instance_type": name,
        "use_spot": st.booleans(),
        "disk_size": st.integers(1, 5000) | st.just("1TB"),
        "disk_tier": st.sampled_from(["low", "BEST"]),
        "local_disk": st.sampled_from(["nvme", "ssd:10", "5+"]),
        "max_hourly_cost": st.floats(0.01, 100),
        "ports": st.lists(st.integers(1, 65535), max_size=4),
        "image_id": st.just("docker:x") | st.dictionaries(name, name, min_size=1, max_size=2),
        "identity": name,
        "labels": st.dictionaries(name, name, max_size=2),
        "autostop": st.booleans() | st.integers(-1, 99) | st.fixed_dictionaries({"hook": line, "down": st.booleans()}),
        "job_recovery": st.sampled_from(["failover", "none", {"max_restarts_on_errors": 2}]),
        "priority": st.integers(-1000, 1000),
        "priority_class": name,
        "volumes": st.lists(st.fixed_dictionaries({"name": name, "path": name}), max_size=2),
    },
)
entry = machine.map(lambda fields: {key: each for key, each in fields.items() if key != "priority"})  # one for all
device = st.from_regex(r"[A-Z][A-Z0-9-]{0,6}[0-9]", fullmatch=True)
accelerators = st.dictionaries(device, st.integers(1, 8), max_size=3) | st.lists(device, max_size=3, unique=True)
resources = st.one_of(
    machine,
    st.builds(lambda base, devices: {**base, "accelerators": devices}, machine, accelerators),
    st.builds(
        lambda base, key, options: {**base, key: options},
        machine,
        st.sampled_from(["any_of", "ordered"]),
        st.lists(entry, min_size=1, max_size=4),
    ),
)
storage = st.fixed_dictionaries(
    {"name": name},
    optional={
        "source": st.just("src") | st.just(["a", "s3://b"]),
        "mode": st.sampled_from(["COPY", "mount"]),
        "persistent": st.booleans(),
        "store": st.just("S3"),
    },
)
tasks = st.fixed_dictionaries(
    {},
    optional={
        "name": name,
        "workdir": st.sampled_from(
            [".", "src/$A", "/abs", {"url": "https://h/r"}, {"url": "https://h/r", "ref": "v1"}]
        ),
        "num_nodes": st.integers(1, 1000),
        "resources": resources,
        "envs": st.dictionaries(variable, line | st.integers(), max_size=3),
        "secrets": st.dictionaries(
            variable,
            st.none() | st.fixed_dictionaries({"ref": st.sampled_from(["vault:team/key", "file:x y"])}),
            max_size=2,
        ),
        "file_mounts": st.dictionaries(name.map("/{}".format), name | st.just("s3://b/k") | storage, max_size=3),
        "setup": line,
        "run": line,
        "depends_on": st.lists(name, max_size=3),
        "when": st.sampled_from(["success", "failure", "always", "tasks.a.outputs.X != 'y z'"]),
        "retries": st.integers(0, 9) | st.just({"times": 2, "exit_codes": [1, 137]}),
        "output_names": st.lists(variable, max_size=3),
        "sweep": name,
        "service": st.fixed_dictionaries({"replicas": st.integers(0, 5)}, optional={"readiness_probe": st.just("/x")}),
        "config": st.dictionaries(name, name | st.integers(0, 9), max_size=2),
    },
)
