"""What an agent or a stranger can bring about again and again, on its way to the audit log."""

from ground2cloud.backchannel.limits import Buckets, Rate
from ground2cloud.core.clock import monotonic, wall
from ground2cloud.registry.audit import Audit, Value

RECORDS = Rate(60, 0.1)
"""Records about one registration or one source. A lane that is lost every 20 s has each of its
claims recorded; whoever does nothing else fills 2 MB a day."""


class Notes:
    """Writes so much of it that nobody fills the disk. What is left out is counted and told.

    Args:
        audit: the audit log.
    """

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._buckets = Buckets(RECORDS)
        self._left_out = 0

    def write(self, who: object, act: str, **fields: Value) -> None:
        """Write a record, unless there were too many about `who`.

        The next one that is written says as `left_out` how many were not, about anybody.
        """
        if self._buckets.take(who, monotonic()):
            self._left_out += 1
            return
        if self._left_out:
            fields["left_out"] = self._left_out
        if self._audit.write(act, wall(), **fields):
            self._left_out = 0
