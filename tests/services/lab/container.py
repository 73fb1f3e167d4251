"""The image of service_wrappers/container, built and run by buildah, without an engine.

chroot isolation: a container has its own files and account, but sees this machine's network and
processes. So 127.0.0.1 is the same inside and outside.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import psutil

from tests.lab.processes import descendants, kill_all, run
from tests.services.lab.machine import CHECKOUT

DOCKERFILE = CHECKOUT / "service_wrappers/container/Dockerfile"
BASE = Path(sys.prefix) / "debian-base.tar"
"""Made once, and kept as long as the virtual environment."""

_CERTIFICATES = "/etc/ssl/certs"


class Images:
    """A store of images of its own, in memory; use it as a context manager.

    Args:
        directory: where it is seen; in a mount namespace that one process holds, so nothing of it
            outlives that.

    Raises:
        AssertionError: there is no buildah, or it fails.
    """

    def __init__(self, directory: Path) -> None:
        assert shutil.which("buildah"), "there is no buildah: tests/setup/debian services"
        script = 'mount -t tmpfs tmpfs "$1"; echo ready; exec cat >/dev/null'
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--", "sh", "-ec", script, "images", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n", "no namespaces here"
        enter = ("nsenter", f"--target={self._holder.pid}", "--mount", "--")
        enter += ("env", f"TMPDIR={directory}")
        places = ("--root", str(directory / "store"), "--runroot", str(directory / "run"))
        self.command = (*enter, "buildah", *places, "--storage-driver", "overlay")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holder.communicate(timeout=10)

    def buildah(self, *arguments: str, timeout: float = 60) -> str:
        """Run buildah to its end; return what it wrote."""
        return run(*self.command, *arguments, timeout=timeout).strip()

    def build(self) -> None:
        """Build the image `ground2cloud` of this checkout, on a debootstrapped base."""
        run(str(CHECKOUT / "tests/setup/debian-base"), str(BASE), timeout=400)
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(BASE), "/")
        self.buildah("commit", "--quiet", "--rm", container, "localhost/debian-base")
        self.buildah(
            *("bud", "--format", "docker", "--isolation", "chroot", "--tag", "ground2cloud"),
            # What this machine trusts, for whoever stands between it and the package index.
            *("--volume", f"{_CERTIFICATES}:{_CERTIFICATES}:ro"),
            *("--build-arg", "BASE=localhost/debian-base"),
            *("--file", str(DOCKERFILE), str(CHECKOUT)),
            timeout=300,
        )

    def settings(self) -> dict[str, Any]:
        """Return what the image says to an engine."""
        found = json.loads(self.buildah("inspect", "--type", "image", "ground2cloud"))
        settings: dict[str, Any] = found["Docker"]["config"]
        return settings


class Container:
    """A container of that image; use it as a context manager.

    Args:
        images: where the image is.
        configuration: the directory that becomes `/etc/ground2cloud`.
    """

    def __init__(self, images: Images, configuration: Path) -> None:
        self._images = images
        self._name = images.buildah("from", "localhost/ground2cloud")
        self._volume = f"{configuration}:/etc/ground2cloud:ro"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            kill_all([psutil.Process(self._process.pid), *descendants(self._process.pid)])
            self._process.wait()
        self._images.buildah("rm", self._name)

    def start(self) -> None:
        """Start what the image starts."""
        settings = self._images.settings()
        argv = [*settings["Entrypoint"], *settings["Cmd"]]
        self._process = subprocess.Popen(self._argv(argv), stdin=subprocess.DEVNULL)

    def wait(self, timeout: float = 20) -> int:
        """Wait for its end; return the exit code."""
        assert self._process is not None
        code = self._process.wait(timeout)
        self._process = None
        return code

    def health(self) -> int:
        """Run the image's health check; return the exit code."""
        kind, *command = self._images.settings()["Healthcheck"]["Test"]
        assert kind == "CMD"
        return subprocess.run(self._argv(command), check=False, timeout=20).returncode

    def agent(self) -> psutil.Process:
        """Return its first process, the one that an engine sends signals to.

        Raises:
            ProcessLookupError: there is none.
        """
        for process in self.processes():
            if "ground2cloud run" in " ".join(process.cmdline()).replace("bin/", " "):
                words = process.cmdline()
                if Path(words[0]).name.startswith("python"):
                    return process
        raise ProcessLookupError

    def ssh(self) -> list[psutil.Process]:
        """Return its lanes' processes."""
        return [process for process in self.processes() if process.name() == "ssh"]

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the container, and those of buildah."""
        return descendants(self._process.pid) if self._process is not None else []

    def _argv(self, command: Sequence[str]) -> list[str]:
        options = ("--isolation", "chroot", "--volume", self._volume)
        return [*self._images.command, "run", *options, self._name, "--", *command]
