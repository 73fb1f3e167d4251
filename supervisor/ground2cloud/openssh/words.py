"""One line of ssh's stderr, taken apart. Pure.

With LogVerbose a line names the function that wrote it, and since 8.7 the process:

    debug1: ssh.c:ssh_confirm_remote_forward():1827 (pid=14833): remote forward success for: …
    packet.c:sshpkt_vfatal():1931 (bin=ssh, pid=15033): Unable to …   (10.0 and later)

Without it some messages name their function, most don't:

    kex_exchange_identification: read: Connection reset by peer
    debug1: remote forward success for: …
"""

import re
from dataclasses import dataclass

KEPT = 500
"""Characters of a line that are looked at; ssh cuts its own at 1023 bytes (log.c)."""

_TAG = re.compile(
    r"(?P<debug>debug[123]: )?[\w.-]+\.c:(?P<function>\w+)\(\):\d+"
    r"(?: \((?:bin=[^,()]*, )?pid=(?P<pid>\d+)\))?: (?P<text>.*)"
)
_UNTAGGED = re.compile(
    r"(?P<debug>debug[123]: )?"
    r"(?:(?P<function>(?:kex|ssh)_exchange_identification|ssh_dispatch_run_fatal|client_loop): )?"
    r"(?P<text>.*)"
)


@dataclass(frozen=True, slots=True)
class Words:
    """What one line says.

    Args:
        text: the message itself.
        function: of ssh that wrote it; empty where the line doesn't say.
        pid: the process; None where the line doesn't say.
        debug: whether ssh itself holds it for debugging only.
        tagged: whether file and line of ssh's source stand before the message.
    """

    text: str
    function: str = ""
    pid: int | None = None
    debug: bool = False
    tagged: bool = False

    @property
    def introduces(self) -> bool:
        """Whether it is of the first exchange, in which both sides say what they speak."""
        return self.function.endswith("_exchange_identification")


def parse(line: str) -> Words:
    """Take a line apart; never fails, whatever the line is."""
    line = line[:KEPT].removesuffix("\r")
    match = _TAG.fullmatch(line)
    tagged = match is not None
    match = match or _UNTAGGED.match(line)
    assert match is not None  # _UNTAGGED matches everything
    fields = match.groupdict()
    return Words(
        text=fields["text"],
        function=fields["function"] or "",
        pid=int(fields["pid"]) if fields.get("pid") else None,
        debug=fields["debug"] is not None,
        tagged=tagged,
    )
