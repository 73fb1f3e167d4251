"""How an address and a port are written together, everywhere: `127.0.0.1:22`, `[::1]:22`."""


def bracketed(host: str) -> str:
    """Return a host for a place where a colon follows it: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def join(host: str, port: int) -> str:
    """Put a host and a port together."""
    return f"{bracketed(host)}:{port}"
