"""On what the figures were measured: without it they say nothing."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

import ground2cloud
from tests.lab.sshd import PROGRAM


def facts() -> dict[str, str]:
    """Return what matters of this machine and its programs, each as one short line."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "ground2cloud": ground2cloud.__version__,
        "processor": _processor(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 1e9:.1f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "ssh": _version(["ssh", "-V"], r"OpenSSH_[^ ,]+"),
        "sshd": _version([PROGRAM, "-V"], r"OpenSSH_[^ ,]+"),
        "autossh": _version(["autossh", "-V"], r"autossh \S+"),
        "wrk": _version(["wrk", "-v"], r"wrk [^\[]+"),
        "haproxy": _version(["/usr/sbin/haproxy", "-v"], r"HAProxy version \S+"),
        "load before": Disturbance.load(),
    }


class Disturbance:
    """What others did on this machine since this was made: figures of a busy machine say little."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def stolen(self) -> str:
        """Return the share of the processor time that the hypervisor kept from this machine."""
        now = psutil.cpu_times()
        total = sum(now) - sum(self._before)
        return f"{(now.steal - self._before.steal) / total * 100:.1f} %"

    @staticmethod
    def load() -> str:
        """Return the load averages over 1, 5 and 15 minutes."""
        return " ".join(f"{one:.2f}" for one in os.getloadavg())


def sshd_version() -> tuple[int, int]:
    """Return major and minor version of the sshd.

    Raises:
        ValueError: it doesn't say.
    """
    # Old ones don't know -V, and say who they are when they complain about it.
    major, minor = _version([PROGRAM, "-V"], r"(?<=OpenSSH_)\d+\.\d+").split(".")
    return int(major), int(minor)


def _processor() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return model.group(1) if model else platform.machine()


def _version(argv: list[str], pattern: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group().strip() if found else "unknown"
