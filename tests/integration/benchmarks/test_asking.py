"""How the servers are asked that are measured."""

import subprocess
from threading import Barrier

import pytest
from benchmarks.asking import Question, Running, answers, at_once, until_it_answers

from styx.testing import serving

MANY = 4


def elsewhere(headers):
    """Where the answer is found."""
    return f"/found?number={headers['Number']}"


def begun(number):
    """A question whose answer is found elsewhere."""
    return Question("/begin", "POST", str(number).encode(), elsewhere)


@pytest.fixture
def process():
    """One that has ended."""
    with subprocess.Popen(("true",)) as ended:
        pass
    return ended


def test_many_are_asked_before_one_is_answered(process):
    """Each has a connection of its own, and has its answer when it has what it was sent on to."""
    all_there, found = Barrier(MANY), []

    def answer(asked):
        if asked.path == "/begin":
            all_there.wait(10)
            return 200, {"Number": asked.body}, ""
        found.append(asked.query["number"])
        return 200, {}, ""

    with serving(answer) as url:
        assert at_once(Running(process, url), [begun(number) for number in range(MANY)]) > 0
    assert sorted(found) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("refused", ["/begin", "/found"])
def test_what_is_refused_is_not_measured(process, refused):
    """An error is quick to give, and counts for nothing, also where it comes in place of what was begun."""
    with serving(lambda asked: (500 if asked.path == refused else 200, {"Number": "1"}, "no room")) as url:
        server = Running(process, url, {"who": "me"})
        with pytest.raises(RuntimeError, match=rf"{refused}.*500.*no room"):
            answers(server, [begun(1)])
        with pytest.raises(RuntimeError, match="no room"):
            at_once(server, [begun(1)])


def test_a_server_that_has_ended_is_not_waited_for(process):
    """It is an error at once, also for those who have asked it something."""
    with serving(lambda _: (200, {"Content-Length": "99"}, "")) as url, pytest.raises(RuntimeError, match="no answer"):
        at_once(Running(process, url), [begun(1)])
    with pytest.raises(RuntimeError, match=r"no answer from http://127\.0\.0\.1:9/health"):
        until_it_answers(Running(process, "http://127.0.0.1:9"), "/health")
