"""Whether this processor computes AES by itself; decides which cipher is the fastest."""

import functools

from ground2cloud.openssh import system


@functools.cache
def has_aes() -> bool:
    """Tell it, having looked once. False only means that OpenSSH's own order stays."""
    return system.has_aes()
