"""The unit and integration tests that don't run on Windows under Wine, each with its reason."""

POSIX = "*_posix.py"
"""Files that are about what only POSIX systems have; nothing of Windows is left out with them."""

GATEWAY = (
    *(f"tests/unit/{name}" for name in ("backchannel", "gateway", "haproxy", "registry")),
    "tests/unit/openssh_sshd",
    "tests/unit/config/test_gateway.py",
    "tests/integration/backchannel",
    "tests/integration/registry",
    "tests/integration/roles/test_connecting_tls.py",
    "tests/integration/roles/test_gateway_desk_linux.py",
)
"""What a gateway is made of: it runs on POSIX systems alone, and its packages are not installed.

The agent's side of the backchannel is among it. Under Wine it was run against a whole gateway:
register, lane, rotate-key, unregister. As a test it hung in two runs of five, in the stand-in for
icacls.
"""

CANNOT: dict[str, str] = {}
"""Test, as pytest names it: why it can't be run. Everything else must pass."""
