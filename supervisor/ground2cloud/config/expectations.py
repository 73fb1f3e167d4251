"""What a key of the model allows, in words; and why a value is none of it.

msgspec judges (`msgspec.convert`); these are the words for its judgement, taken from the same
types, so that the two can't disagree.
"""

from typing import Any

import msgspec.inspect as shape

from ground2cloud.config.words import name_type, show

_TYPES = {
    shape.BoolType: "a boolean",
    shape.IntType: "an integer",
    shape.FloatType: "a number",
    shape.StrType: "a string",
}


def allowed(kind: Any) -> str:  # noqa: ANN401 - a type annotation, such as Annotated[int, …]
    """Say what a type allows: `1..65535`, `one of text, json`, `a string`."""
    return _allowed(*_bare(shape.type_info(kind)))


def explain(kind: Any, value: object) -> str:  # noqa: ANN401 - a type annotation
    """Say why `value`, which msgspec refused as a `kind`, is wrong, and what would be right."""
    info, words = _bare(shape.type_info(kind))
    if isinstance(info, shape.UnionType):
        for member, member_words in map(_bare, info.types):
            if _fits(member, value):
                info, words = member, member_words
    if not _fits(info, value):
        return f"expected {_type_words(info)}, got {name_type(value)}"
    if isinstance(info, shape.StrType) and isinstance(value, str):
        if info.min_length and len(value) < info.min_length:
            return "must not be empty"
        if info.max_length is not None and len(value) > info.max_length:
            return f"expected at most {info.max_length} characters, got {len(value)}"
    return f"expected {_allowed(info, words)}, got {show(value)}"


def _bare(info: shape.Type) -> tuple[shape.Type, str]:
    """Take off the descriptions and `| None`; answer with the type and its pattern in words."""
    words = ""
    while True:
        match info:
            case shape.Metadata():
                words = words or str((info.extra or {}).get("allowed", ""))
                info = info.type
            case shape.UnionType() if info.includes_none:
                # Only `T | None`: what may be left out can't be written as null in TOML.
                info = next(t for t in info.types if not isinstance(t, shape.NoneType))
            case _:
                return info, words


def _fits(info: shape.Type, value: object) -> bool:
    match info:
        case shape.UnionType():
            return False
        case shape.BoolType():
            return isinstance(value, bool)
        case shape.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case shape.FloatType():
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return isinstance(value, str)


def _type_words(info: shape.Type) -> str:
    match info:
        case shape.EnumType():
            return "one of " + ", ".join(member.value for member in info.cls)
        case shape.LiteralType():
            return "one of " + ", ".join(map(str, info.values))
        case shape.UnionType():
            return " or ".join(_type_words(_bare(member)[0]) for member in info.types)
        case _:
            return next(
                (name for kind, name in _TYPES.items() if isinstance(info, kind)), "a table"
            )


def _allowed(info: shape.Type, words: str) -> str:
    match info:
        case shape.IntType(ge=int(least), le=int(most)):
            return f"{least}..{most}"
        case shape.FloatType(ge=int() | float() as least, le=int() | float() as most):
            return f"{least:g}..{most:g}"
        case _:
            return words or _type_words(info)
