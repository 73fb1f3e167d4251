"""On which places processes listen: TCP over IPv4, as the kernel says.

`listening(processes)` answers with the addresses and ports of each, which are none for one that has
ended or can't be looked at. It raises an OSError where nothing can be looked at: no descriptor is
free.

`_linux` reads the kernel's table once for all of them, and only as far as there are listening
sockets in it: behind them stand thousands of connections. `_other` has psutil ask for each.
"""

import sys

if sys.platform == "linux":
    from ground2cloud.openssh.sshd.holding._linux import listening
else:
    from ground2cloud.openssh.sshd.holding._other import listening

__all__ = ["listening"]
