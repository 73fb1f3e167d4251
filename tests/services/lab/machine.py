"""Machines of a lab: each boots its own init, and shares the lab's network and its gateway.

A `Lab` is a network namespace and a tmpfs, held by one process. In the tmpfs are the base layer
(the program, installed as a person would) and the disk of each machine. All of it ends with the
process that made it, however that ends, and nothing outside is changed.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from tests.lab.waiting import wait_until

BOOT = Path(__file__).with_name("boot")
CHECKOUT = Path(__file__).parents[3]
SYSTEMD = ("/lib/systemd/systemd", "--system", "--unit=multi-user.target", "--log-target=journal")

_ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
    "TERM=dumb",
    "SYSTEMD_COLORS=0",
    "SYSTEMD_PAGER=",
)
# The kernel ends what we start when we end: nothing is left behind by an interrupted test.
_DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")

Done = subprocess.CompletedProcess[str]


class Lab:
    """Holds the network and the disks. Needs root. Use it as a context manager.

    Args:
        shares: directories of the outside and where machines see them, read-only.
    """

    def __init__(self, shares: dict[Path, Path]) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="g2c-lab-"))
        self._shares = self._directory.with_suffix(".shares")
        self._shares.write_text("".join(f"{key} {value}\n" for key, value in shares.items()))
        script = 'mount -t tmpfs tmpfs "$1"; ip link set lo up; echo ready; exec cat >/dev/null'
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--", "sh", "-ec", script, "lab", self._directory],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "no namespaces here"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._holder.stdin is not None
        self._holder.stdin.close()
        self._holder.wait(10)
        assert self._holder.stdout is not None
        self._holder.stdout.close()
        self._directory.rmdir()
        self._shares.unlink()

    def prepare(self, script: str) -> None:
        """Run a shell script in the base layer, which every machine made later begins with."""
        boot = ("unshare", "--mount", "--", str(BOOT), "prepare")
        argv = [*self.inside("--mount"), *boot, *self.arguments, "sh", "-exc", script]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    def inside(self, *namespaces: str) -> list[str]:
        """Return the beginning of a command that runs in these namespaces of the lab."""
        return [*_DIE_WITH_US, "nsenter", f"--target={self._holder.pid}", *namespaces, "--"]

    @property
    def arguments(self) -> tuple[str, str]:
        """What `boot` needs to know."""
        return (str(self._directory), str(self._shares))


class Machine:
    """One machine, of a lab; use it as a context manager, or `up` and `down`.

    Args:
        lab: where it lives.
        name: of its disk; another machine of this name goes on with it.
        init: its process 1.
    """

    def __init__(self, lab: Lab, name: str, init: Sequence[str] = SYSTEMD) -> None:
        self.name = name
        self._lab = lab
        self._init = init
        self._unshare: subprocess.Popen[bytes] | None = None
        self._cgroup = _cgroup_root() / f"g2c-{os.getpid()}-{name}"
        self._output = Path(tempfile.gettempdir(), f"g2c-{os.getpid()}-{name}.log")

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
        self._output.unlink(missing_ok=True)

    def up(self) -> None:
        """Boot, and wait until systemd says that it is done."""
        self.power_on()

        def booted() -> bool:
            self._require_life()
            state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
            return state in {"running", "degraded"}

        wait_until(booted, timeout=30, what="the machine is up", interval=0.1)

    def power_on(self) -> None:
        """Start process 1, and wait until there is one to talk to."""
        self._cgroup.mkdir(exist_ok=True)
        namespaces = ("--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup")
        join = 'echo $$ >"$0/cgroup.procs"; exec "$@"'
        boot = [str(BOOT), "init", *self._lab.arguments, self.name, *self._init]
        with self._output.open("ab") as output:
            self._unshare = subprocess.Popen(
                [
                    *self._lab.inside("--mount", "--net"),
                    *("sh", "-c", join, str(self._cgroup)),
                    *("unshare", *namespaces, "--kill-child=SIGKILL", "--", *boot),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

        def ready() -> bool:
            self._require_life()
            name = Path(self._init[0]).name
            return Path("/proc", str(self.pid_one), "comm").read_text().strip() == name[:15]

        wait_until(ready, what="process 1 of the machine runs")

    def down(self) -> None:
        """Cut the power."""
        if self._unshare is not None:
            with contextlib.suppress(OSError, psutil.NoSuchProcess):
                psutil.Process(self.pid_one).kill()
            self._unshare.kill()
            self._unshare.wait()
            self._unshare = None
        wait_until(self._remove_cgroup, what="the machine's cgroup is empty")

    def reboot(self) -> None:
        """Cut the power and boot again, with the same disk."""
        self.down()
        self.up()

    @property
    def pid_one(self) -> int:
        """Process id, seen from outside, of the machine's process 1."""
        assert self._unshare is not None, "the machine is off"
        children = psutil.Process(self._unshare.pid).children()
        if not children:
            raise ProcessLookupError
        return children[0].pid

    def argv(self, *command: str) -> list[str]:
        """Return the command line that runs a command inside, as root."""
        enter = ("--mount", "--pid", "--uts", "--ipc", "--net", "--cgroup", "--root", "--wd")
        target = f"--target={self.pid_one}"
        return ["nsenter", target, *enter, "--", "env", "-i", *_ENVIRONMENT, *command]

    def run(self, *command: str, check: bool = True, timeout: float = 40, stdin: str = "") -> Done:
        """Run a command inside, as root, to its end.

        Raises:
            AssertionError: it did not end with 0, and `check` says that it must.
        """
        done = subprocess.run(
            self.argv(*command),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            input=stdin,
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done

    def out(self, *command: str) -> str:
        """Run a command inside and return what it wrote, without the last line's end."""
        return self.run(*command).stdout.strip()

    def path(self, inside: str | Path) -> Path:
        """Return where a file of the machine is seen from outside; no absolute link on the way."""
        return Path(f"/proc/{self.pid_one}/root{inside}")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file as root, and the directories above it."""
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)

    def processes(self, name: str) -> list[psutil.Process]:
        """Return the machine's processes of this name."""
        with contextlib.suppress(psutil.NoSuchProcess):
            every = psutil.Process(self.pid_one).children(recursive=True)
            return [process for process in every if _name(process) == name]
        return []

    def _require_life(self) -> None:
        assert self._unshare is not None
        code = self._unshare.poll()
        assert code is None, f"process 1 ended with {code}:\n{self._output.read_text()}"

    def _remove_cgroup(self) -> bool:
        for directory, _, _ in os.walk(self._cgroup, topdown=False):
            with contextlib.suppress(OSError):
                Path(directory).rmdir()
        return not self._cgroup.exists()


class Gateway:
    """The public machine, and the private application: processes in the lab's network.

    Attributes:
        port, user, host_key: of its sshd, at 127.0.0.1.
        identity: the text of a private key that it lets in.
        app: port of the application.
    """

    def __init__(self, lab: Lab) -> None:
        self._process = subprocess.Popen(
            [*lab.inside("--net"), sys.executable, "-m", "tests.services.lab.gateway"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=CHECKOUT,
        )
        facts = self._read()
        self.port: int = facts["port"]
        self.user: str = facts["user"]
        self.host_key: str = facts["host_key"]
        self.identity: str = facts["identity"]
        self.app: int = facts["app"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()

    def get(self, port: int) -> str:
        """Return the body that `GET /` on a port of the gateway is answered with.

        Raises:
            ConnectionError: no answer, or not with status 200.
        """
        answer = self._ask("get", port)
        if "error" in answer:
            raise ConnectionError(answer["error"])
        return str(answer["body"])

    def route(self, route: str, key: str) -> str:
        """Ask through the router of the gateway that a machine runs; return what came of it."""
        return str(self._ask("route", route, key)["body"])

    def allow(self, public_key: str) -> None:
        """Let a further key in."""
        self._ask("allow", public_key)

    def invite(self) -> str:
        """Return a join string: the public machine has a backchannel too."""
        return str(self._ask("invite")["join"])

    def tunnel(self) -> int:
        """Return the port of the service of who registered last."""
        return int(self._ask("tunnel")["port"])

    def free_port(self) -> int:
        """Return a port that nothing in the lab's network listens on."""
        return int(self._ask("free_port")["port"])

    def _ask(self, *request: str | int) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the gateway ended with {self._process.wait(5)}"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def make_lab(shares: dict[Path, Path]) -> Iterator[Lab]:
    """Lend a lab.

    Raises:
        AssertionError: this is not root, or a program is missing.
    """
    assert os.geteuid() == 0, "these tests boot machines: run them as root"
    for program in ("unshare", "nsenter", "setpriv", "ip", "mount"):
        assert shutil.which(program), f"there is no {program}: tests/setup/debian services"
    with Lab(shares) as lab:
        yield lab


def _cgroup_root() -> Path:
    unified = Path("/sys/fs/cgroup/unified")
    return unified if unified.is_dir() else unified.parent


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""
