"""Make any text safe for a terminal and for a file of lines.

A server, an application or a file name may hold anything: escape sequences, a newline followed by
a forged record, marks that turn the reading direction round. Whatever came from outside goes
through `printable` before a person or a log gets to see it.
"""

ELLIPSIS = "…"
"""Stands at the end of what was cut."""


def printable(text: str, limit: int) -> str:
    r"""Escape what isn't a visible character or a space, and bound the length.

    Control characters (C0, C1, DEL), marks of reading direction, line and paragraph separators,
    other spaces than U+0020, lone surrogates, private and unassigned code points become `\x1b`,
    `\n`, `\u202e`, `\U000e0001`. A backslash stays as it is, so that Windows paths stay readable:
    the result is for reading, not for decoding.

    Args:
        text: anything; only its beginning is looked at, however long it is.
        limit: characters of the result at most, 1 or more; a cut ends with `…`, never inside an
            escape.
    """
    head = text[: limit + 1]
    if not head.isprintable():
        pieces = [piece if piece.isprintable() else _escape(piece) for piece in head]
        head = "".join(pieces)
        if len(head) > limit:
            return _cut(pieces, limit)
    return head if len(head) <= limit else head[: limit - 1] + ELLIPSIS


def _escape(character: str) -> str:
    """As Python writes it inside quotes: the shortest of backslash n, x1b, u202e, U000e0001."""
    return repr(character)[1:-1]


def _cut(pieces: list[str], limit: int) -> str:
    kept: list[str] = []
    room = limit - 1
    for piece in pieces:
        room -= len(piece)
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + ELLIPSIS
