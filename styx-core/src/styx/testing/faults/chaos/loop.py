"""The loop: some clients at once, killed at any moment; then a look from outside; and so on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from subprocess import Popen, TimeoutExpired

from styx.testing.faults import audit
from styx.testing.faults.audit import Flaw, Harm, Keep
from styx.testing.faults.chaos.installation import Installation

BYSTANDER = "bystander"
AT_ONCE = 3  # clients
GUESS = 2.0  # seconds that a command takes, before it is known
PATIENCE = 15.0  # seconds for processes that were told to end to be gone
TIRED = 40  # rounds in which nobody was killed in time, after which it is given up
_WEIGHTS = {"launch": 6, "exec": 2, "stop": 3, "start": 3, "down": 3, "status": 1}


@dataclass
class Tally:
    """What has happened so far."""

    kills: int = 0
    rounds: int = 0
    finished: int = 0
    checks: int = 0
    flaws: list[Flaw] = field(default_factory=list)

    def count(self, harm: Harm) -> int:
        """How many flaws of this kind."""
        return sum(flaw.harm is harm for flaw in self.flaws)

    @property
    def line(self) -> str:
        """The last line that is printed."""
        wrong = self.count(Harm.WRONG)
        more = f", wrong {wrong}" if wrong else ""
        return f"kills {self.kills}, leaked {self.count(Harm.LEAKED)}, lost {self.count(Harm.LOST)}{more}"


class Chaos:
    """One run. ``seed`` decides who does what and when death comes, though not how far they have got by then."""

    def __init__(self, installation: Installation, seed: int, tell: Callable[[str], None]) -> None:
        self.installation = installation
        self.tally = Tally()
        self._chance = random.Random(seed)
        self._tell = tell
        self._clusters = {f"{place.name[0]}{number}": place.name for place in installation.places for number in (1, 2)}
        self._bystanders = {f"{BYSTANDER}-{place.name}": place.name for place in installation.places}
        self._present: set[str] = set()  # clusters on record when we last looked
        self._guess = GUESS
        self._takes: dict[str, float] = {}
        self._mine: dict[str, frozenset[str]] = {}  # what was up and nobody has asked to remove since

    def run(self, kills: int) -> Tally:
        """Go on until so many were killed; then remove everything and look whether all of it went."""
        for name, cloud in self._bystanders.items():
            self._must("launch", name, cloud)
        if self.tally.flaws:
            return self.tally
        idle = 0
        while self.tally.kills < kills and idle < TIRED and not self.tally.flaws:
            before = self.tally.kills
            self._round(min(AT_ONCE, kills - before))
            idle = 0 if self.tally.kills > before else idle + 1
            self._check(f"round {self.tally.rounds}")
        self._end()
        return self.tally

    def _round(self, clients: int) -> None:
        self.tally.rounds += 1
        going: list[tuple[Popen[str], str, float, str]] = []
        began = time.monotonic()
        for _ in range(clients):
            verb = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            names = self._clusters if verb == "launch" or not self._present else self._present
            name = self._chance.choice(sorted(names))
            takes = self._takes.get(verb, self._guess)
            dies = began + self._chance.uniform(0.2, 1.1) * takes
            if verb == "down":
                self._mine.pop(name, None)
            going.append((self.installation.popen(*_command(verb, name, self._clusters[name])), verb, dies, name))
        story = [self._await(process, verb, dies, began, name) for process, verb, dies, name in
                 sorted(going, key=lambda each: each[2])]  # fmt: skip
        self._tell(f"round {self.tally.rounds}, kills {self.tally.kills}: {'; '.join(story)}")

    def _await(self, process: Popen[str], verb: str, dies: float, began: float, name: str) -> str:
        with process:
            try:
                _, err = process.communicate(timeout=max(0.0, dies - time.monotonic()))
            except TimeoutExpired:
                process.kill()
                process.communicate()
                self.tally.kills += 1
                self._takes[verb] = self._takes.get(verb, self._guess) * 1.05  # it may take longer than is thought
                return f"{verb} {name} killed after {time.monotonic() - began:.2f} s"
        took = time.monotonic() - began
        self.tally.finished += 1
        self._takes[verb] = 0.7 * self._takes.get(verb, self._guess) + 0.3 * took
        if "Traceback" in err or process.returncode < 0:
            self.tally.flaws.append(Flaw(Harm.WRONG, f"styx {verb} {name} ended with {process.returncode}: {err}"))
        return f"{verb} {name} ended with {process.returncode}"

    def _check(self, when: str) -> None:
        """What Styx says against what is there; what is on its way out is given some time."""
        self.tally.checks += 1
        give_up_at = time.monotonic() + PATIENCE
        while (flaws := self._flaws(when)) and time.monotonic() < give_up_at:
            time.sleep(0.5)
        self.tally.flaws += flaws

    def _flaws(self, when: str) -> list[Flaw]:
        try:
            said = self.installation.json("status", "-v")
        except AssertionError as error:
            return [Flaw(Harm.WRONG, f"{when}: {error}")]
        book, truth = self.installation.book(), self.installation.truth()
        flaws = audit.leaks(book, truth, Keep())
        if flaws:
            shown = self.installation.orphans()
            flaws = audit.leaks(audit.Book(book.clusters, book.nodes, book.attempts, shown), truth, Keep())
        flaws += audit.losses(book, truth, self._mine.items()) + audit.untruths(book, truth)
        recorded = {record.name: str(record.state) for record in book.clusters}
        self._present = set(recorded) & set(self._clusters)
        for each in said:
            if recorded.get(each["name"]) != each["state"]:
                flaws.append(Flaw(Harm.WRONG, f"status says {each['name']} is {each['state']}, the record differs"))
            if each["state"] == "up":
                self._mine[each["name"]] = frozenset(node["id"] for node in each["nodes"])
        for name in self._bystanders:
            if recorded.get(name) != "up":
                flaws.append(Flaw(Harm.LOST, f"{name} is {recorded.get(name, 'gone')}, and nobody touched it"))
        return [Flaw(flaw.harm, f"{when}: {flaw.what}") for flaw in flaws]

    def _end(self) -> None:
        """Everything but the bystanders is removed, then these; each time nothing else may be there."""
        for names in (self._clusters, self._bystanders):
            present = {each["name"] for each in self.installation.json("status")}
            for name in sorted(present & set(names)):
                self._mine.pop(name, None)
                self._must("down", name, "")
            self._sweep()
            if names is self._clusters:
                self._check("when all was removed")
        self.tally.flaws += [
            Flaw(Harm.LEAKED, f"at the end: {thing.id} is still there")
            for thing in self.installation.truth().things if thing.bills
        ]  # fmt: skip

    def _sweep(self) -> None:
        give_up_at = time.monotonic() + PATIENCE
        while time.monotonic() < give_up_at:
            self.installation.json("status", "-r")
            if not any(a.state not in {"closed", "settled"} for a in self.installation.book().attempts):
                return
            time.sleep(0.5)

    def _must(self, verb: str, name: str, cloud: str) -> None:
        began = time.monotonic()
        code, out, err = self.installation.styx(*_command(verb, name, cloud))
        if verb == "launch":  # how fast this machine is just now
            self._guess = time.monotonic() - began
        if code:
            self.tally.flaws.append(
                Flaw(Harm.WRONG, f"styx {verb} {name} failed with {code}: {err.strip() or out.strip()}")
            )


def _command(verb: str, name: str, cloud: str) -> Sequence[str]:
    task = ("--num-nodes", "2", "-d")
    match verb:
        case "launch":
            return ("launch", "-c", name, "--infra", cloud, *task, "-y", "--", "sleep", "3600")
        case "exec":
            return ("exec", name, "--num-nodes", "2", "-d", "--", "sleep", "3600")
        case "status":
            return ("status", "-r")
    return (verb, name, "-y")
