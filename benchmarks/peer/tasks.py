"""The task files that both sides read."""

from __future__ import annotations

from pathlib import Path

VCPUS, GIB = 8, 32  # at least, of the machine without accelerators
TASKS = 10
PLAIN = f"{{cpus: {VCPUS}+, memory: {GIB}+}}"
NEEDS = ("{accelerators: A100:8}", "{accelerators: A100-80GB:8}", "{accelerators: V100:8}", PLAIN)
ONE = "name: one\nresources: {needs}\nrun: echo hi\n"
# Disks may be of another size for every task, so that what was found for the last one does not answer for the next.
LINK = "name: link-{number}\nresources:\n  disk_size: {disk}\n  any_of: [{needs}]\nrun: echo hi\n"
LONG = """
name: train
num_nodes: 4
resources:
  cpus: 32+
  memory: 4x
  disk_size: 512
  ports: [8080, 6006]
  labels: {team: research}
  any_of:
    - {accelerators: A100:8, use_spot: true}
    - {accelerators: H100:8}
    - {accelerators: {V100: 8}}
envs:
  MODEL: llama
  BATCH: 32
  RUN: ${USER}-1
setup: |
  pip install -r requirements.txt
  python -c 'import torch'
run: |
  torchrun --nnodes=$SKYPILOT_NUM_NODES --node_rank=$SKYPILOT_NODE_RANK train.py --model $MODEL --batch $BATCH
"""


class Tasks:
    """The files below a folder: what a task may need one by one, a chain of each kind, and a long file to read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        self.singles = {needs: self._write(f"one-{at}", ONE.format(needs=needs)) for at, needs in enumerate(NEEDS)}
        self.one = self.singles[NEEDS[0]]
        self.alike = self._chain("alike", 0)
        self.chain = self._chain("chain", 1)
        self.long = self._write("long", LONG)

    def _chain(self, name: str, step: int) -> str:
        needs = ", ".join(NEEDS)
        links = [LINK.format(number=number, disk=100 + number * step, needs=needs) for number in range(1, TASKS + 1)]
        return self._write(name, "---\n".join([f"name: {name}\n", *links]))

    def _write(self, name: str, text: str) -> str:
        path = self._folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)
