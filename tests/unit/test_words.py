"""Sentences for people."""

import pytest

from styx.words import count, sentences


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes"), (1.0, "1 node"), (0.5, "0.5 nodes")]
)
def test_count(number, text):
    """One thing is named in the singular, any other number in the plural."""
    assert count(number, "node") == text


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("it broke", "Mend it."), "it broke. Mend it."),
        (("it broke.", "did you mean 'x'?"), "it broke. did you mean 'x'?"),
        (("it broke", None), "it broke."),
        ((), ""),
    ],
)
def test_sentences(parts, text):
    """Every part ends once, whatever it ended with."""
    assert sentences(*parts) == text
