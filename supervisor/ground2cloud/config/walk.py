"""Take a parsed file apart by the model and find everything that is wrong with it.

`msgspec.convert` stops at the first error. So this walks the tables itself, has msgspec judge
value by value, and keeps what is right in `Table`s, on which the rules of `rules.py` can work
although other values are wrong.
"""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, structs

from ground2cloud.config import words
from ground2cloud.config.expectations import explain
from ground2cloud.config.model import Section

Finding = tuple[str, str]
"""Where (a key path) and what."""

UNKNOWN_KEYS = 20
"""How many unknown keys of one table are named; a suggestion costs time, and nobody reads more."""


@dataclass(frozen=True, slots=True)
class Table:
    """What is right in one table: values by key, with defaults for what was left out.

    A nested table is a `Table`, an array of tables a tuple of them. `given` has the keys of the
    file, with right values or wrong ones.
    """

    where: str
    given: frozenset[str] = frozenset()
    values: dict[str, object] = field(default_factory=dict)

    def place(self, key: str) -> str:
        """Answer with the path of a key."""
        return words.join(self.where, key)

    def text(self, key: str) -> str | None:
        """Answer with a string, if it is there and right."""
        value = self.values.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | float | None:
        """Answer with a number, if it is there and right."""
        value = self.values.get(key)
        return value if isinstance(value, int | float) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Answer with those elements of an array of strings that are right."""
        value = self.values.get(key)
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, tuple) else ()

    def table(self, key: str) -> "Table":
        """Answer with a nested table; an empty one if it is missing or wrong."""
        value = self.values.get(key)
        return value if isinstance(value, Table) else Table(self.place(key))

    def tables(self, key: str) -> tuple["Table", ...]:
        """Answer with those elements of an array of tables that are tables."""
        value = self.values.get(key)
        return tuple(v for v in value if isinstance(v, Table)) if isinstance(value, tuple) else ()


class Walk:
    """One pass over a file; `findings` is what was wrong."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def table(self, model: type[Section], raw: Mapping[str, object], where: str = "") -> Table:
        """Take one table apart."""
        fields = {item.encode_name: item for item in structs.fields(model)}
        self._name_unknown(raw, tuple(fields), where)
        values: dict[str, object] = {}
        for key, item in fields.items():
            place = words.join(where, key)
            value: object = UNSET
            if key in raw:
                value = self._value(item.type, raw[key], place)
            elif item.required:
                value = self._missing(item.type, place)
            elif _is_section(item.type):
                value = self.table(item.type, {}, place)
            elif item.default_factory is msgspec.NODEFAULT:
                value = item.default
            if value is not UNSET:
                values[key] = value
        return Table(where, frozenset(raw), values)

    def _note(self, where: str, message: str) -> object:
        self.findings.append((where, message))
        return UNSET

    def _name_unknown(self, raw: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
        unknown = [key for key in raw if key not in known]
        for key in unknown[:UNKNOWN_KEYS]:
            self._note(words.join(where, key), words.suggest(key, known))
        if len(unknown) > UNKNOWN_KEYS:
            self._note(where, f"{len(unknown) - UNKNOWN_KEYS} more unknown keys")

    def _missing(self, kind: Any, where: str) -> object:  # noqa: ANN401 - a type annotation
        if _is_section(kind):
            needed = ", ".join(item.name for item in structs.fields(kind) if item.required)
            return self._note(where, f"the table [{where}] is missing; it needs {needed}")
        return self._note(where, "required, but missing")

    def _value(self, kind: Any, raw: object, where: str) -> object:  # noqa: ANN401 - the same
        element = _element_type(kind)
        if element is not None:
            return self._array(element, raw, where)
        section = section_of(kind)
        if section is not None:
            if isinstance(raw, dict):
                return self.table(section, raw, where)
            return self._note(where, f"expected a table, got {words.name_type(raw)}")
        options = _entry_type(kind)
        if options is not None:
            return self._entries(options, raw, where)
        return self._leaf(kind, raw, where)

    def _array(self, kind: Any, raw: object, where: str) -> object:  # noqa: ANN401 - the same
        if not isinstance(raw, list):
            wanted = f"an array of tables ([[{where}]])" if _is_section(kind) else "an array"
            return self._note(where, f"expected {wanted}, got {words.name_type(raw)}")
        elements = (self._value(kind, item, f"{where}[{i}]") for i, item in enumerate(raw))
        return tuple(element for element in elements if element is not UNSET)

    def _entries(self, kind: Any, raw: object, where: str) -> object:  # noqa: ANN401 - the same
        if not isinstance(raw, dict):
            return self._note(where, f"expected a table, got {words.name_type(raw)}")
        taken = {key: self._leaf(kind, raw[key], words.join(where, key)) for key in raw}
        values = {key: value for key, value in taken.items() if value is not UNSET}
        return Table(where, frozenset(raw), values)

    def _leaf(self, kind: Any, raw: object, where: str) -> object:  # noqa: ANN401 - the same
        control = words.control_character(raw) if isinstance(raw, str) else None
        if control:
            return self._note(where, f"control characters are not allowed, got {control}")
        try:
            value: object = msgspec.convert(raw, kind)
        except msgspec.ValidationError:
            return self._note(where, explain(kind, raw))
        return value


def texts(table: Table) -> Iterator[Finding]:
    """Yield the path and the text of every right string below a table."""
    for key, value in table.values.items():
        if isinstance(value, str):
            yield table.place(key), value
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Table):
                yield from texts(inner)


def section_of(kind: Any) -> type[Section] | None:  # noqa: ANN401 - a type annotation
    """Answer with the table that this type is made of: itself, or a choice or an array of it."""
    return next((each for each in (kind, *typing.get_args(kind)) if _is_section(each)), None)


def _is_section(kind: Any) -> bool:  # noqa: ANN401 - a type annotation
    return isinstance(kind, type) and issubclass(kind, Section)


def _element_type(kind: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Answer with the type of the elements of a `tuple`; None for every other type."""
    bare = _bare(kind)
    return typing.get_args(bare)[0] if typing.get_origin(bare) is tuple else None


def _bare(kind: Any) -> Any:  # noqa: ANN401 - a type annotation
    return typing.get_args(kind)[0] if hasattr(kind, "__metadata__") else kind


def _entry_type(kind: Any) -> Any:  # noqa: ANN401 - a type annotation
    """Answer with the type of the values of a `dict`; None for every other type."""
    bare = _bare(kind)
    return typing.get_args(bare)[1] if typing.get_origin(bare) is dict else None
