"""What happens to a child, and what is to be done about it.

Events come from the world (a process ended) or from the role (stop it); commands are the answer of
`machine.step`, performed by `supervise`. Plain data on both sides.
"""

from dataclasses import dataclass

from ground2cloud.core.spec import Verdict


@dataclass(frozen=True, slots=True)
class Start:
    """The role wants the child to run."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The role wants the child to end and stay ended."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The role wants a new run, with whatever the specification says by then."""


@dataclass(frozen=True, slots=True)
class Reload:
    """The role has other files for the child, which takes them up without ending."""


@dataclass(frozen=True, slots=True)
class Spawned:
    """The child's preparations are done, and its process was started."""


@dataclass(frozen=True, slots=True)
class BecameReady:
    """The child proved that it works."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The run that a `Launch` began is over, whether or not a process ever came of it.

    Exactly one follows every `Launch`. `luck` is uniform in [0, 1), for the backoff.
    """

    verdict: Verdict
    luck: float


@dataclass(frozen=True, slots=True)
class Unresponsive:
    """The process lives but proved dead to the world, for example by an unanswered heartbeat."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Due:
    """The deadline of the present state has passed."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Something that may have been the cause of a failure is different now: a file, a setting."""


@dataclass(frozen=True, slots=True)
class Wake:
    """The machine's network or clock changed: waits are pointless, and links may be dead."""


Event = (
    Start
    | Stop
    | Restart
    | Reload
    | Spawned
    | BecameReady
    | Ended
    | Unresponsive
    | Due
    | Changed
    | Wake
)


@dataclass(frozen=True, slots=True)
class Launch:
    """Write the files, check them, start the process; answer with one `Ended` in the end."""


@dataclass(frozen=True, slots=True)
class End:
    """End the run: politely, or `hard` with no way to refuse."""

    hard: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """Find out at once whether the link still lives."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Write new files, check them, put them in place of the old ones, and tell the process."""


Command = Launch | End | Probe | Renew
