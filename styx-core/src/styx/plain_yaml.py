"""YAML of settings to plain data: what JSON could hold too, and nothing that a program could choke on.

Apart from PyYAML's safe loader in this: a key given twice is an error, dates stay text, and what is very deep, very
large with its aliases written out, or stands inside of itself is refused. Tasks have a reader of their own, which knows
the line of every value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from styx.api.errors import InvalidConfig

MAX_DEPTH = 64
MAX_VALUES = 100_000
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class _Loader(yaml.SafeLoader):
    """The pure-Python loader: libyaml's runs out of stack, and the process with it, where this one raises."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As PyYAML does, after a look for keys that are there twice."""
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"key {key.value[:60]!r} is given twice", problem_mark=key.start_mark
                    )
                seen.add((key.tag, key.value))
        return super().construct_mapping(node, deep)


def read(text: str, source: str) -> Any:
    """The one document of the text, None when it is empty. Raises InvalidConfig; ``source`` names the text in it."""
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - it is a safe one
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise _invalid(source, problem, mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        raise _invalid(source, error.reason) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # such as an integer of 10,000 digits
        raise _invalid(source, str(error)) from error
    except RecursionError as error:
        raise _invalid(source, f"nested more than {MAX_DEPTH} levels deep") from error
    _check(data, source)
    return data


def _check(data: object, source: str) -> None:
    for count, (value, depth) in enumerate(_values(data)):
        if depth > MAX_DEPTH:
            raise _invalid(source, f"nested more than {MAX_DEPTH} levels deep, or standing inside of itself")
        if count > MAX_VALUES:
            raise _invalid(source, f"more than {MAX_VALUES} values with its aliases written out")
        if not isinstance(value, dict | list | str | int | float | None):
            raise _invalid(source, f"a {type(value).__name__} has no place in settings")


def _values(data: object) -> Iterator[tuple[object, int]]:
    """Every value and key with its depth, each as often as it would be written without aliases."""
    waiting: list[Iterator[object]] = [iter((data,))]
    while waiting:
        for value in waiting[-1]:
            yield value, len(waiting) - 1
            if isinstance(value, dict | list):
                waiting.append(iter([*value, *value.values()] if isinstance(value, dict) else value))
                break
        else:
            waiting.pop()


def _invalid(source: str, problem: str, line: int | None = None) -> InvalidConfig:
    where = f"{source}:{line}" if line else source
    return InvalidConfig(f"{where}: not valid YAML: {problem}", file=source, line=line)
