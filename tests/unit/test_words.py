"""Sentences for people."""

import pytest

from styx.words import count, sentences, span


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


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("7d", 604800.0), ("", None), ("d", None), ("0d", None), ("-1d", None), ("3", None)],
)
def test_span(text, seconds):
    """A number that is not zero, and its unit; nothing else is a length of time."""
    assert span(text) == seconds
