"""What a measurement comes down to: medians, one figure, the bar it has to meet."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result.

    Args:
        what: what was measured.
        unit: of the medians and samples.
        samples: every measured value, by who was measured; `ours` is the program.
        measured: the figure that meets the bar or doesn't, usually a ratio of medians.
        bar: None where there is no bar and the row only informs.
        at_most: whether the bar is an upper bound.
        figure: what `measured` is, in words.
    """

    what: str
    unit: str
    samples: Mapping[str, list[float]]
    measured: float
    bar: float | None
    at_most: bool = True
    figure: str = "ratio"
    medians: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        medians = {name: statistics.median(values) for name, values in self.samples.items()}
        object.__setattr__(self, "medians", medians)

    @property
    def passed(self) -> bool:
        """Whether the bar is met; true without one."""
        if self.bar is None:
            return True
        return self.measured <= self.bar if self.at_most else self.measured >= self.bar

    @property
    def verdict(self) -> str:
        """PASS, FAIL, or nothing where there is no bar."""
        if self.bar is None:
            return ""
        return "PASS" if self.passed else "FAIL"

    def as_json(self) -> dict[str, object]:
        """Everything, for results/bench.json."""
        return {**asdict(self), "verdict": self.verdict}


def interleave(
    rounds: int, measure: Mapping[str, Callable[[], T]], *, warm_up: bool = True
) -> dict[str, list[T]]:
    """Measure each in turn, `rounds` times over, so that a change of the machine's load hits all.

    The order rotates: who comes after whom must not matter either. With `warm_up`, a first round
    is thrown away.
    """
    names = list(measure)
    samples: dict[str, list[T]] = {name: [] for name in names}
    for number in range(-1 if warm_up else 0, rounds):
        for shift in range(len(names)):
            name = names[(number + shift) % len(names)]
            value = measure[name]()
            if number >= 0:
                samples[name].append(value)
    return samples


def ratio(samples: Mapping[str, list[float]], peer: str) -> float:
    """Median of ours over the median of the peer's."""
    return statistics.median(samples["ours"]) / statistics.median(samples[peer])
