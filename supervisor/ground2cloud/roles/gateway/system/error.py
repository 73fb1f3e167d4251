"""Why a gateway can't run as an account."""

from ground2cloud.errors import EXIT_CONFIG, Ground2CloudError


class AccountError(Ground2CloudError):
    """The gateway can't run as this account, or not on this system."""

    exit_code = EXIT_CONFIG
