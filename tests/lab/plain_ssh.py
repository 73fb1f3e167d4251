"""The command of a plain ssh that trusts and offers only what it is told to."""

from pathlib import Path


def ssh_argv(
    destination: tuple[str, str, int],
    *arguments: str,
    key: Path,
    known_hosts: Path,
    alias: str | None = None,
) -> list[str]:
    """Return it; whatever the user's and the system's own configuration say.

    Args:
        destination: user, host and port.
        arguments: further options, before the destination: `"-N", "-R", "1:localhost:2"`.
        key: the only one that is offered.
        known_hosts: the only file that is believed.
        alias: the name under which the host stands in it, where that is not its address.
    """
    user, host, port = destination
    options = {
        "IdentityFile": f'"{key}"',
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": f'"{known_hosts}"',
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "ExitOnForwardFailure": "yes",
        "ServerAliveInterval": "0",
    }
    if alias is not None:
        options["HostKeyAlias"] = alias
    flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", "-F", "none", *flags, *arguments, "-p", str(port), f"{user}@{host}"]
