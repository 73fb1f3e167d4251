"""`host:port` as the configuration, `control.json` and the Host header write it."""

from ipaddress import ip_address

_LAST_PORT = 65535


def split(text: str) -> tuple[str, int]:
    """Take `127.0.0.1:3015`, `localhost:3015` or `[::1]:3015` apart; `localhost` is 127.0.0.1.

    Raises:
        ValueError: it is not of this form, or not an address of this machine's loopback. Nothing
            listens elsewhere, and no token is sent elsewhere.
    """
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]").replace("localhost", "127.0.0.1")
    if not (port.isascii() and port.isdigit() and int(port) <= _LAST_PORT):
        raise ValueError(f"expected address:port, got {text}")
    if not ip_address(host).is_loopback:
        raise ValueError(f"not a loopback address: {host}")
    return host, int(port)
