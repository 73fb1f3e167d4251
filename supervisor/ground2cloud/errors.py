"""The few errors of the program: each has an exit code, and a hint where a user can mend it.

Anything else that escapes is a defect of the program and is reported as one.
"""

from dataclasses import dataclass

EXIT_FAILURE = 1
"""Something went wrong that a service manager may retry."""

EXIT_CONFIG = 78
"""The configuration is unusable (EX_CONFIG of sysexits.h): a service manager must not retry."""


class Ground2CloudError(Exception):
    """An error a user can act on: one line, and a hint that says what to do."""

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a configuration file.

    `where` is the key path inside the file (`service[1].port`), empty for the file as a whole.
    """

    file: str
    where: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.where}" if self.where else self.file
        return f"{place}: {self.message}"


class ConfigError(Ground2CloudError):
    """A configuration that can't be used, with everything that is wrong with it at once."""

    exit_code = EXIT_CONFIG

    def __init__(self, problems: tuple[Problem, ...], hint: str = "") -> None:
        super().__init__("\n".join(str(problem) for problem in problems), hint)
        self.problems = problems
