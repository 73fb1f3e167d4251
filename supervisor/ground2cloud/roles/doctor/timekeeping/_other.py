"""Elsewhere the system can't be asked without starting one of its programs."""


def is_synchronised() -> bool | None:
    """Answer that it can't be known."""
    return None
