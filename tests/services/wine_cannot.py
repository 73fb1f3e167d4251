"""The unit and integration tests that don't run on Windows under Wine, each with its reason."""

POSIX = "*_posix.py"
"""Files that are about what only POSIX systems have; nothing of Windows is left out with them."""

CANNOT: dict[str, str] = {}
"""Test, as pytest names it: why it can't be run. Everything else must pass."""
