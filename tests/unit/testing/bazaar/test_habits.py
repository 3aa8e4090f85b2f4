"""Which habits a provider can have together, and that each has a name."""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module

import pytest

from styx.api import Idempotency
from styx.testing.bazaar import Habits, bazaar
from styx.testing.bazaar.named import HABITS, pairs, with_habits

WRONG = (
    {"idempotency": Idempotency.NAME, "shared_names": True},
    {"idempotency": Idempotency.SEARCH, "spent_tokens": True},
    {"no_discard": True},
    {"no_stop": True, "restless": True},
    {"flickers": True},
    {"says_pace": True},
)


@pytest.mark.parametrize("habits", WRONG)
def test_what_cannot_be_is_refused(habits: dict[str, object]) -> None:
    """Habits that contradict each other are an error, with the reason."""
    with pytest.raises(ValueError, match=" "):
        Habits(**habits)  # type: ignore[arg-type]


def test_every_switch_has_a_name() -> None:
    """No habit is left out of the tests that go through all of them by name."""
    named = {switch for habit in HABITS.values() for switch in habit.changes}
    assert named == {field.name for field in fields(Habits)} - {"token_lifetime"}


def test_every_habit_goes_alone_and_with_most_others() -> None:
    """Each named habit is possible, and is in a good many pairs."""
    assert all(with_habits(name) for name in HABITS)
    for name in HABITS:
        assert sum(name in pair for pair in pairs()) >= len(HABITS) // 2, name


def test_one_class_for_each_set_of_habits() -> None:
    """Objects of one account are of one class, as the kit and the plugin index expect."""
    assert bazaar(Habits()) is bazaar(replace(Habits()))
    assert bazaar(Habits()) is not bazaar(Habits(no_stop=True))


def test_a_class_is_found_again_by_its_name() -> None:
    """Another process comes by the class of a cloud as by any other: through its module and its name."""
    for name in HABITS:
        habits = with_habits(name)
        assert habits is not None
        made = bazaar(habits)
        assert getattr(import_module(made.__module__), made.__qualname__) is made
    with pytest.raises(AttributeError):
        import_module("styx.testing.bazaar.capabilities").nothing_of_the_kind  # noqa: B018 - looked up, that is all


def test_habits_are_plain_data() -> None:
    """They can be written down and read back."""
    for name in HABITS:
        habits = with_habits(name)
        assert habits is not None
        assert Habits.from_data(habits.to_data()) == habits
