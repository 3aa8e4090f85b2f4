"""Completion in bash, which parts words at colons: URIs are put together again, and what is offered is cut to fit."""

from __future__ import annotations

from typing import Any

from click.shell_completion import BashComplete, CompletionItem, add_completion_class


class ColonBash(BashComplete):
    """As click's, for words with colons in them."""

    _part = 0  # of the word: so many characters are before the part that bash replaces

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, and that one."""
        args, incomplete = super().get_completion_args()
        words: list[str] = []
        glue = False
        for word in (*args, incomplete):
            if words and (glue or word == ":"):
                words[-1] += word
            else:
                words.append(word)
            glue = word == ":"
        last = words.pop()
        self._part = last.rfind(":") + 1
        return words, last

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """A line of what the script in the shell reads."""
        value = item.value[self._part :] if item.type == "plain" else item.value
        return f"{item.type},{value}"


def take_over() -> None:
    """Let bash be completed so."""
    add_completion_class(ColonBash)
