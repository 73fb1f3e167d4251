"""What the registry says no to, and what keeps it from working."""

from ground2cloud.errors import EXIT_CONFIG, Ground2CloudError


class RefusedError(Ground2CloudError):
    """A request that can't be granted; nothing of it was written.

    Attributes:
        reason: a stable slug for programs: `token-used`, `key-in-use`, `revoked`, …
    """

    def __init__(self, reason: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.reason = reason


class RegistryError(Ground2CloudError):
    """The database can't be used now: full, locked, gone, damaged. Trying again may help."""


class UnusableRegistryError(RegistryError):
    """The database can't be used at all as it is configured, or with this program."""

    exit_code = EXIT_CONFIG
