"""From the settings to the text of sshd_config, and to the commands that use it. Pure."""

from pathlib import Path

from ground2cloud.core import addresses
from ground2cloud.openssh import quoting
from ground2cloud.openssh.render import CHATTER, HELD_COMMAND
from ground2cloud.openssh.sshd.program import SshdProgram
from ground2cloud.openssh.sshd.settings import SshdPlaces, SshdSettings
from ground2cloud.rendering.templates import render

TEMPLATE = "sshd_config.j2"

LOG_VERBOSE = ",".join((*CHATTER, "!channels*", "*:auth_log():*", "*:privsep_postauth():*"))
"""The functions of sshd whose lines carry a process number: whose key, and which child."""


def sshd_config(
    settings: SshdSettings, places: SshdPlaces, program: SshdProgram, *, grep: str | None = None
) -> str:
    """Return the whole sshd_config.

    Args:
        settings: what the gateway's configuration says.
        places: its files.
        program: the sshd that will read it.
        grep: the program that finds the keys in the file; None: sshd reads the file itself.

    Raises:
        ValueError: a value can't be written so that sshd reads the same back; says which.
    """
    return render(
        TEMPLATE,
        listens=[addresses.join(at.address, at.port) for at in settings.listen],
        host_key=_path(places.host_key),
        host_certificate=_path(places.host_certificate) if places.host_certificate else None,
        user=_user(settings.user),
        strict_modes="yes" if settings.strict_modes else "no",
        keys_command=_search(grep, places.authorized_keys) if grep else None,
        authorized_keys=_path(places.authorized_keys, expands=True),
        command=HELD_COMMAND,
        home=_quoted(f"HOME={quoting.path(places.home, expands=False)}"),
        max_startups=settings.max_startups,
        per_source=settings.per_source,
        login_grace=settings.login_grace,
        penalties=("yes" if settings.penalties else "no") if program.penalties else None,
        client_alive_interval=settings.client_alive_interval,
        client_alive_count_max=settings.client_alive_count_max,
        log_verbose=LOG_VERBOSE,
    )


def argv(program: SshdProgram, config_file: Path) -> tuple[str, ...]:
    """Return the command that runs sshd in the foreground and has it speak on stderr."""
    return (program.path, "-D", "-e", "-f", str(config_file))


def check_argv(program: SshdProgram, config_file: Path) -> tuple[str, ...]:
    """Return the command that only reads files and keys: 0, or 255 or 1 and what is wrong."""
    return (program.path, "-t", "-f", str(config_file))


def _search(grep: str, file: Path) -> str:
    # sshd cuts this line into words itself and expands each: %k is the key that was offered. The
    # first one it takes as it is, and it must begin with a slash.
    program = quoting.path(Path(grep))
    if any(character in program for character in " \t\"'"):
        raise ValueError(f"{grep!r} can't be written in sshd_config")
    return f"{program} -F -m1 -- %k {_path(file, expands=True)}"


def _path(path: Path, *, expands: bool = False) -> str:
    return _quoted(quoting.path(path, expands=expands))


def _quoted(value: str) -> str:
    # Before 8.7 sshd knows no escapes; no sensible path needs one.
    if '"' in value or "\\" in value:
        raise ValueError(f"{value!r} can't be written in sshd_config")
    return quoting.quote(value)


def _user(name: str) -> str:
    # AllowUsers takes patterns, and a host after an @.
    if any(character in name for character in "*?!@ \t\"'"):
        raise ValueError(f"{name!r} is not an account name that sshd takes as it is")
    return quoting.user(name)
