"""Tell a file that somebody changed from one that an earlier version of this program wrote.

Every file that is installed carries, in a comment, the beginning of the SHA-256 of all the rest of
it. Where that still fits, nobody touched the file, and a newer version may replace it unasked.
"""

import hashlib
import re

MARK = "@SEAL@"
"""What a template prints where the seal goes."""

_SEAL = re.compile(r"(?<=\bseal )[0-9a-f]{16}\b")


def seal(text: str) -> str:
    """Put the seal where its mark is."""
    return text.replace(MARK, _sum(text))


def is_sealed(text: str) -> bool:
    """Whether `text` is exactly as this program, of whatever version, once wrote it."""
    found = _SEAL.search(text)
    return found is not None and _sum(_SEAL.sub(MARK, text, count=1)) == found[0]


def _sum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
