"""Where Styx reads a file otherwise than SkyPilot does, on purpose: the one list of it.

``styx compat check`` goes by it, ``docs/skypilot.md`` prints it, and its examples are tested.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from styx.api.errors import InvalidTask
from styx.compat.compare import Gap

STRICTER = "stricter"
WIDER = "wider"
OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True)
class Difference:
    """One deliberate difference.

    ``way`` is stricter (only SkyPilot takes such files), wider (only Styx does) or otherwise (both do, and mean
    something else). A file is an instance of it when each pattern given is found: ``where`` in the field that Styx
    refuses, or the path where the meanings part; ``ours`` and ``theirs`` in what each says or has there; ``text`` in
    the file.
    """

    name: str
    way: str
    what: str
    why: str
    example: str
    where: str = ""
    ours: str = ""
    theirs: str = ""
    text: str = ""

    def refuses(self, error: InvalidTask) -> bool:
        """Whether this is why Styx refuses what SkyPilot takes."""
        found = re.search(self.where, error.field or "") and re.search(self.ours, error.message)
        return self.way == STRICTER and bool(found)

    def takes(self, refusal: str, text: str) -> bool:
        """Whether this is why Styx takes a file that SkyPilot refuses in these words."""
        return self.way == WIDER and bool(re.search(self.theirs, refusal) and re.search(self.text, text))

    def parts(self, gap: Gap, text: str) -> bool:
        """Whether this is why both take a file and mean something else."""
        pairs = ((self.where, gap.path), (self.ours, gap.ours), (self.theirs, gap.theirs), (self.text, text))
        return self.way == OTHERWISE and all(re.search(pattern, str(found)) for pattern, found in pairs)


DIFFERENCES = (
    Difference(
        "recovery",
        STRICTER,
        "`job_recovery` takes the strategies that exist, and no other fields",
        "A misspelt strategy would be found out by the first preemption. The error names the closest.",
        "resources: {job_recovery: failovr}",
        where=r"\.job_recovery",
    ),
    Difference(
        "numbers",
        STRICTER,
        'Amounts are written as documented: no `"+4"`, no `1e2`, no name of an accelerator with a comma or an exponent',
        "`+4` is a slip for `4+`, which SkyPilot reads as exactly 4.",
        'resources: {cpus: "+4"}',
        where=r"\.(cpus|memory|accelerators|gpus|ports|local_disk)",
        ours="must be a number|must be an amount|has no count|names no accelerator|is neither a port|is no local disk",
    ),
    Difference(
        "sexagesimal",
        STRICTER,
        "Where a number is meant `1:30` and `.inf` are none",
        "YAML reads `1:30` as 90, and nobody means that.",
        "resources: {autostop: {idle_minutes: 1:30}}",
        ours=r"must be .*not '[-+]?(\d+(:\d+)+(\.\d*)?|\.(?i:inf|nan))'$",
    ),
    Difference(
        "limits",
        STRICTER,
        "Numbers have limits: at most 1000 nodes, no negative delay, size or number of replicas, less than a petabyte",
        "A number far outside of what can be is a slip, and cheap to find before anything is rented.",
        "num_nodes: 5000",
        ours=r"must be from|must be more than 0|characters|whole number of GB.*not -\d|not \d{10,}$",
    ),
    Difference(
        "internal-fields",
        STRICTER,
        "Fields that SkyPilot writes for itself are unknown: `_metadata`, `file_mounts_mapping`, `volume_mounts`, ...",
        "They are no part of the language, and mean nothing to anybody else.",
        "_metadata: {a: b}",
        where=r"(^|\.)(_\w+|file_mounts_mapping|volume_mounts)$",
        ours="no field of this name",
    ),
    Difference(
        "variables",
        STRICTER,
        "The value of a variable is text, a number or a boolean, and a secret with a value has the name of a variable",
        "SkyPilot passes a list on as Python prints it, and a variable under a name that no shell can read.",
        "envs: {LAYERS: [1, 2]}",
        where=r"^(envs|secrets)\.",
        ours="must be text|not a variable name|not a reference",
    ),
    Difference(
        "empty",
        STRICTER,
        "A name, path, label or image that is there is not empty, and has no line breaks",
        'Nothing can be called `""`. The name of a bucket that is a variable may be empty until the task is launched.',
        'workdir: ""',
        ours="must not be empty|is empty once|control character|must be text, not (nothing|a list|true|false)$",
    ),
    Difference(
        "headers",
        STRICTER,
        "A header has the documented fields only, names each primary task once, and has tasks below it",
        "SkyPilot ignores what it does not know, so a misspelt `primary_task` changes when the group ends.",
        "name: a\nexecution: parallel\nprimary_task: [b]\n---\nname: b",
        where=r"^\w+(\[\d+\])?$",
        ours="no field of this name|is listed twice",
    ),
    Difference(
        "given-twice",
        STRICTER,
        "A key is given once, in a job group too",
        "SkyPilot finds it out everywhere else.",
        "name: g\nexecution: parallel\n---\nname: a\nrun: x\nrun: y",
        ours="is already given on line",
    ),
    Difference(
        "same-name",
        STRICTER,
        "Two tasks of one file have different names",
        "Logs, states and `depends_on` refer to tasks by name.",
        "name: a\nrun: x\n---\nname: a\nrun: y",
        where="^name$",
        ours="two tasks are called",
    ),
    Difference(
        "disks",
        STRICTER,
        "The fields, kind, tier and mode of a volume are ones that exist",
        "SkyPilot takes another, or leaves out what it does not know: a disk for reading only becomes one to write to.",
        "resources: {volumes: [{name: v, path: /v, attach_mode: read-only}]}",
        where=r"\.volumes\[\d+\]\.|^file_mounts\.",
        ours="is not one of|no field of this name",
    ),
    Difference(
        "said-twice",
        STRICTER,
        "A service says in one way how many replicas there are, and `file_mounts` puts one thing at a path",
        "SkyPilot silently takes `workers` before `replica_policy`, and before the pool's own number.",
        "service: {workers: 3, replica_policy: {min_replicas: 1}}",
        where="^(service|file_mounts)",
        ours="excludes|is mounted twice",
    ),
    Difference(
        "service-fields",
        STRICTER,
        "A field of `service` is one that exists, also where nothing stands after its colon",
        "SkyPilot finds it out everywhere else.",
        "service: {readiness_prob: null}",
        where=r"^service\.\w+$",
        ours="no field of this name",
    ),
    Difference(
        "workdirs",
        STRICTER,
        "`workdir` is a directory, here or in a store, or a repository with a URL and a ref that git could have",
        "Anything else fails later, when machines are already paid for.",
        "workdir: https://host/repository.git",
        where="^workdir",
        ours="not a local directory|not a branch|not a URL|refer to each other",
    ),
    Difference(
        "clouds",
        WIDER,
        "A cloud or a store may have any name; `k8s` is always `kubernetes`",
        "Which there are is for the installed plugins to say, when the task is launched.",
        "resources: {infra: local}",
        theirs=r"does not match '\^\(\?:\(\?i:\(aws|is not one of \['(aws|S3)'",
    ),
    Difference(
        "quoted-numbers",
        WIDER,
        "A number may be quoted, and may be a whole number with a decimal point",
        "Templates and command lines quote everything.",
        'num_nodes: "2"',
        theirs=r"YAML: '[-+.\deE]+' is not of type '(integer|number)'|YAML: '[-+.\deE]+' is not valid"
        r"|YAML: \[[\d']+\] is not of type 'integer'|positive int\. Got: [\d.]+",
    ),
    Difference(
        "unquoted-text",
        WIDER,
        "Where text is meant a number or date counts as the text that stands there: `1.10`, `0012345`",
        "A commit, version or label often looks like a number: `ref: 1234567`.",
        "name: 5",
        theirs=r"YAML: ([-+.\de]+|-?inf|nan|True|False|datetime[^ ]*\(.*\)) is not (of type 'string'|valid under)"
        r"|'[\w.]+' object (is not it|has no attribute 'strip')|date(time)? is not JSON|2002:value",
    ),
    Difference(
        "nulls",
        WIDER,
        "A field with nothing after its colon is not given, and a document with nothing in it is not there",
        "SkyPilot takes this in some fields and fails in others, sometimes with an error of Python's.",
        "envs:\nrun: echo hello",
        theirs=r"None is not|'NoneType' object|dict_keys\(\['(in|out)puts'\]\)|unsupported field 'execution'",
    ),
    Difference(
        "units",
        WIDER,
        "`16G`, `16 GB` and `16GiB` are the same everywhere, and an idle time has its units inside of a mapping too",
        "One way to write an amount is enough to remember.",
        "resources: {memory: 16G}",
        theirs=r"field should be a number|should be either a number|does not match .\^\[0-9\]\+\((kb|m\|)"
        r"|'\d+\s*[mhdwMHDW]' is not of type 'integer'",
    ),
    Difference(
        "accelerator-lists",
        WIDER,
        "A list or set of accelerators may be empty or quoted, as on a command line",
        'SkyPilot fails on `"{A100:1, V100:1}"` with an error of Python\'s.',
        'resources: {accelerators: "{A100:1, V100:1}"}',
        theirs="invalid literal for int|'list' object has no attribute|list index out of range"
        r"|\$\.(any_of|ordered)\[\d+\]\.(accelerators|gpus)",
    ),
    Difference(
        "volumes",
        WIDER,
        "Volumes of the resources go together with `any_of` and `ordered`, and their sizes have units",
        "SkyPilot fails on both with an error of its own making.",
        "resources: {volumes: [{name: v, path: /v, disk_size: 1TB}]}",
        theirs="DiskTier|StorageType|DiskAttachMode|__round__",
    ),
    Difference(
        "instances",
        WIDER,
        "The name of an instance type is not checked when the task is read",
        "It is looked for among the offers, when the task is launched.",
        "resources: {infra: k8s, instance_type: m5.large}",
        theirs="(?i)instance (type|name)",
    ),
    Difference(
        "case",
        WIDER,
        "Words of a fixed choice may be in capitals, and one that is repeated counts once",
        "SkyPilot takes this in most fields.",
        "config: {hooks: [{run: sync, events: [STOP]}]}",
        theirs=r"is not one of \['stop'|Unknown load balancing policy: '?[A-Z]|execution mode[^']*'[A-Z]|non-unique",
    ),
    Difference(
        "own-fields",
        WIDER,
        "Fields for graphs of tasks: `depends_on`, `foreach`, `matrix`, `when`, `retries`, `output_names`; `job`; and "
        "`identity` of resources",
        "SkyPilot 0.14 runs chains and groups; `job` is of its later versions, and it gives machines its own identity.",
        "name: a\nrun: x\n---\nname: b\ndepends_on: a",
        theirs="unsupported field '(depends_on|foreach|matrix|when|retries|output_names|sweep|job|identity)'"
        "|Instead of '(depends_on|foreach|matrix|when|retries|output_names|sweep|job|identity)'",
    ),
    Difference(
        "config",
        WIDER,
        "What `config` says about a cloud is not checked when the task is read",
        "It belongs to that cloud's plugin, which checks it when it is used. `config.hooks` is checked.",
        "config: {gcp: {labels: {a: b}}}",
        theirs=r"\$\.config\.(?!hooks)|unsupported field|Instead of",
        text=r"(?m)^config:",
    ),
    Difference(
        "secret-lists",
        WIDER,
        "In a list of secrets the prefix `secrets:` may be left out",
        "A list holds nothing but names of managed secrets.",
        "secrets: [HF_TOKEN]",
        theirs="Invalid secret in array form",
    ),
    Difference(
        "negative-idleness",
        WIDER,
        "An idle time below 0 means never, inside of a mapping too",
        "SkyPilot takes it outside of one.",
        "resources: {autostop: {idle_minutes: -1}}",
        theirs=r"is less than the minimum of 0.*autostop",
    ),
    Difference(
        "registries",
        WIDER,
        "`SKYPILOT_DOCKER_...` need not all be envs, or all secrets",
        "Only the password of a registry is a secret.",
        "envs: {SKYPILOT_DOCKER_USERNAME: a}",
        theirs="Docker login variables",
    ),
    Difference(
        "quotes",
        WIDER,
        "The value of a variable may hold quotes and backslashes, and what stands behind `$A` stays: `{$A}`",
        "SkyPilot writes values into JSON, which they can break.",
        "envs: {A: 'a \"b\"'}\nfile_mounts: {/x: ./$A}",
        theirs=r"^Expecting|^Invalid .*escape|^Invalid control character|Invalid JSON string for `post_data`",
    ),
    Difference(
        "tpus",
        WIDER,
        "A TPU may be asked for on any cloud",
        "Where one can be had is for the offers to say.",
        "resources: {infra: lambda, accelerators: tpu-v2-8}",
        theirs="Cloud must be GCP or Kubernetes for TPU",
    ),
    Difference(
        "yaml-values",
        OTHERWISE,
        "`12:30`, `.inf` and dates are the text that stands there",
        "Nobody means 750 by `12:30`.",
        "envs: {AT: 12:30}",
        where=r"\.env_values\.",
        ours=r"^([-+]?\d+(:[0-5]?\d)+(\.\d*)?|[-+]?\.(?i:inf|nan)|\d{4}-\d.*)$",
    ),
    Difference(
        "yaml-keys",
        OTHERWISE,
        "A key is the text that stands there, also where it looks like another value",
        "A variable called `true` is not called `True`.",
        "envs: {true: x}",
        where=r"(?i)\.env_values\.(true|false|yes|no|on|off|none|null|~)$",
    ),
    Difference(
        "wildcards",
        OTHERWISE,
        "`*` leaves a region or zone open in the older fields too, not only in `infra`",
        "No region has that name.",
        'resources: {cloud: aws, zone: "*"}',
        where=r"\.(region|zone)$",
        theirs=r"^\*$",
    ),
    Difference(
        "labels",
        OTHERWISE,
        "Labels of one entry of `any_of` or `ordered` are of that entry alone, added to those of the resources",
        "SkyPilot adds them to the other entries too.",
        "resources: {labels: {a: b}, any_of: [{infra: aws, labels: {c: d}}, {infra: gcp}]}",
        where=r"\.resources\.list\[\d+\]\.labels",
        text=r"(?s)labels:.*labels:",
    ),
    Difference(
        "device-memory",
        OTHERWISE,
        "An amount of device memory (`32GB+`) stays one until offers are looked at",
        "SkyPilot replaces it by the names in its catalog of that day while it reads the file.",
        "resources: {accelerators: 32GB+}",
        where=r"\.resources\b",
        text=r"(?is)(accelerators|gpus):.*[^-\w]\d+\s*GB",
    ),
    Difference(
        "secrets-in-paths",
        OTHERWISE,
        "The value of a secret is never written into a path or the name of a bucket; in `service` its name stays too",
        "Paths are shown in many places, and a task is stored.",
        "secrets: {TOKEN: x}\nfile_mounts: {/data: {name: $TOKEN}}",
        where=r"\.(workdir|file_mounts|storage_mounts|volumes)\b",
        ours=r"\$\{?\w+\}?",
        text="(?m)^secrets:",
    ),
    Difference(
        "nested-variables",
        OTHERWISE,
        "A variable in the value of a variable is replaced too, and `${A:-b}` is left alone",
        "SkyPilot replaces once, so that what a path means depends on how often its file was read.",
        "envs: {A: $B, B: c}\nworkdir: /x/$A",
        where=r"\.(workdir|file_mounts|storage_mounts|volumes|service)\b",
        theirs=r"\$|:-",
    ),
)


def of_refusal(error: InvalidTask) -> Difference | None:
    """The difference by which Styx refuses what SkyPilot takes."""
    return next((each for each in DIFFERENCES if each.refuses(error)), None)


def of_acceptance(refusal: str, text: str) -> Difference | None:
    """The difference by which Styx takes what SkyPilot refuses."""
    return next((each for each in DIFFERENCES if each.takes(refusal, text)), None)


def of_gap(gap: Gap, text: str) -> Difference | None:
    """The difference by which a file, this text, means something else."""
    return next((each for each in DIFFERENCES if each.parts(gap, text)), None)
