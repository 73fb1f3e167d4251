"""A real OpenSSH sshd for one test: its own keys, a free loopback port, the current user.

It lets in exactly the keys it is told to, as the user who runs the test, and no password; so it
opens nothing that this user could not do anyway.

Of its processes the listener is our child; each connection is a process below it (two for an
ordinary user), and a session's command is below that. The end of the listener leaves the
connections alive, so this class keeps account of them.
"""

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Self

import psutil

from tests.lab.places import make_short_directory
from tests.lab.plain_ssh import ssh_argv
from tests.lab.ports import free_port
from tests.lab.processes import descendants, end_child, for_each, is_alive, kill_all, listens, run
from tests.lab.waiting import wait_until

PROGRAM = "/usr/sbin/sshd"
"""Absolute, as sshd demands: it runs itself again for every connection."""

PRIVILEGE_SEPARATION = Path("/run/sshd")
"""sshd doesn't start as root without this empty directory; Debian's service creates it."""

DEFAULTS = (
    "HostKey {directory}/host_key",
    "AuthorizedKeysFile {directory}/authorized_keys",
    "ListenAddress {host}:{port}",
    "PidFile none",
    "UsePAM no",
    "StrictModes no",  # it refuses everything below /tmp
    "PermitRootLogin prohibit-password",
    "AuthenticationMethods publickey",
    "AllowTcpForwarding yes",
    "X11Forwarding no",
    "PrintMotd no",
    "PrintLastLog no",
    "UseDNS no",
    # Or the shell reads the user's own start-up files, which may take seconds or print things.
    "SetEnv HOME={directory}",
    "LogLevel VERBOSE",
    "MaxStartups 100",
    # A dead client's port is free after 2 * 1 * (2 + 1) s before sshd 9.5, half of that since.
    "ClientAliveInterval 1",
    "ClientAliveCountMax 2",
)


def make_privilege_separation() -> None:
    """Make what an sshd of root does not start without; any other needs nothing."""
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)


class ThrowawaySshd:
    """An sshd with everything it needs in a private directory; use it as a context manager.

    Args:
        options: lines of sshd_config (no Match block); they win over `DEFAULTS`.
        key_options: options of the first client key in authorized_keys.

    Attributes:
        host, port: where it listens, also after a restart.
        user: the account, that of this process.
        host_key: its public key as `host_key` of agent.toml takes it: `ssh-ed25519 AAAA…`.
        identity_file: the first client key, always allowed in.
        known_hosts: a file that names its host key.
        directory: short, mode 0700; removed at the end.
    """

    def __init__(self, *options: str, key_options: str = "") -> None:
        self.host = "127.0.0.1"
        self.port = free_port()
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.directory = make_short_directory()
        self.known_hosts = self.directory / "known_hosts"
        self._options: tuple[str, ...] = options
        self._keys: dict[Path, str] = {}
        self._listener: subprocess.Popen[bytes] | None = None
        self._sessions: list[psutil.Process] = []
        self.change_host_key()
        self.identity_file = self.new_client_key("id_ed25519", key_options)
        self._write_configuration()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything and remove the directory."""
        self.stop()
        shutil.rmtree(self.directory)

    # Its life ---------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """Process id of the listener."""
        assert self._listener is not None, "sshd is not running"
        return self._listener.pid

    @property
    def running(self) -> bool:
        """Tell whether the listener runs."""
        return self._listener is not None and self._listener.poll() is None

    @property
    def log(self) -> str:
        """Everything sshd has said so far, of all starts."""
        path = self.directory / "sshd.log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def sessions(self) -> list[psutil.Process]:
        """Return the living processes of connections: sshd's own, and the commands they run."""
        if self._listener is not None:
            known = set(self._sessions)
            self._sessions += [p for p in descendants(self._listener.pid) if p not in known]
        self._sessions = [process for process in self._sessions if is_alive(process)]
        return list(self._sessions)

    def start(self) -> None:
        """Check the configuration, start, and wait until the port is open.

        Raises:
            AssertionError: `sshd -t` refuses the configuration (in its words), or it doesn't start.
        """
        assert not self.running, "sshd is running already"
        self._check()
        with (self.directory / "sshd.log").open("ab") as log:
            self._listener = subprocess.Popen(
                [PROGRAM, "-D", "-e", "-f", str(self._configuration)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(lambda: listens(self.pid, self.port) or not self.running, what="sshd listening")
        assert self.running, f"sshd ended at once: {self.log}"

    def stop(self, *, end_sessions: bool = True) -> None:
        """End the listener, and by default every connection too."""
        self.thaw()
        if self._listener is not None:
            # Stopped first, so that no connection is born between the look and the end.
            if self.running:
                self._listener.send_signal(signal.SIGSTOP)
            self.sessions()
            if self.running:
                self._listener.terminate()
                self._listener.send_signal(signal.SIGCONT)
            end_child(self._listener)
            self._listener = None
        if end_sessions:
            kill_all(self.sessions())
            self._sessions.clear()

    def restart(self, *, end_sessions: bool = True) -> None:
        """Stop and start on the same port; `end_sessions=False` as `systemctl restart ssh` does."""
        self.stop(end_sessions=end_sessions)
        self.start()

    def kill_sessions(self) -> int:
        """End every connection with SIGKILL, as a crash would; return how many processes."""
        doomed = self.sessions()
        kill_all(doomed)
        return len(doomed)

    def freeze(self) -> None:
        """Stop listener and connections in their tracks: TCP stays open, nothing answers."""
        for_each([psutil.Process(self.pid), *self.sessions()], psutil.Process.suspend)

    def thaw(self) -> None:
        """Let them go on."""
        listener = [psutil.Process(self.pid)] if self.running else []
        for_each([*listener, *self.sessions()], psutil.Process.resume)

    # What it allows ---------------------------------------------------------------------------

    def set_options(self, *options: str) -> None:
        """Replace the extra lines of sshd_config; they hold from the next connection on.

        Connections that exist stay. `set_options()` goes back to the defaults.
        """
        self._options = options
        self._write_configuration()
        if self.running:
            self.restart(end_sessions=False)

    def set_key_options(self, options: str, key: Path | None = None) -> None:
        """Set a key's options in authorized_keys, the first one's by default.

        `restrict,port-forwarding,permitlisten="127.0.0.1:11081",command="exec cat"` is a lane of
        the gateway; `restrict,port-forwarding,command="/bin/false"` an account without a shell.
        They hold from the next authentication on.
        """
        self._keys[key or self.identity_file] = options
        self._write_keys()

    def new_client_key(self, name: str, options: str = "") -> Path:
        """Make a further client key that is let in with these options; return the private file."""
        key = self.new_stranger_key(name)
        self.set_key_options(options, key)
        return key

    def new_stranger_key(self, name: str) -> Path:
        """Make a key that is not let in."""
        key = self.directory / name
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key))
        return key

    def revoke(self, key: Path | None = None) -> None:
        """Let a key in no more, the first one by default; connections that exist stay."""
        del self._keys[key or self.identity_file]
        self._write_keys()

    def change_host_key(self) -> None:
        """Make another host key, as a reinstalled machine has; it holds from the next start on."""
        for old in self.directory.glob("host_key*"):
            old.unlink()
        key = self.new_stranger_key("host_key")
        self.host_key = " ".join(key.with_suffix(".pub").read_text().split()[:2])
        self.known_hosts.write_text(f"[{self.host}]:{self.port} {self.host_key}\n")

    def client_argv(self, *arguments: str, key: Path | None = None) -> list[str]:
        """Return the command of a plain ssh to this sshd; `arguments` are further options.

        The arguments come before the destination: `client_argv("-N", "-R", "1:localhost:2")`.
        """
        return ssh_argv(
            (self.user, self.host, self.port),
            *arguments,
            key=key or self.identity_file,
            known_hosts=self.known_hosts,
        )

    # Its files --------------------------------------------------------------------------------

    @property
    def _configuration(self) -> Path:
        return self.directory / "sshd_config"

    def _write_configuration(self, *more: str) -> None:
        # The first value of an option wins, but of MaxStartups the last.
        given = {line.split()[0].lower() for line in self._options}
        defaults = [
            line.format(directory=self.directory, host=self.host, port=self.port)
            for line in DEFAULTS
            if line.split()[0].lower() not in given
        ]
        self._configuration.write_text("\n".join([*self._options, *defaults, *more, ""]))

    def _check(self) -> None:
        make_privilege_separation()
        test = (PROGRAM, "-f", str(self._configuration))
        run(*test, "-t")
        # From 9.8 a source that failed to authenticate is turned away for a while; every test
        # comes from the same address. Older ones don't know the option and would not start.
        if "persourcepenalties" in run(*test, "-T"):
            self._write_configuration("PerSourcePenalties no")

    def _write_keys(self) -> None:
        lines = [
            f"{options} {key.with_suffix('.pub').read_text()}".lstrip()
            for key, options in self._keys.items()
        ]
        (self.directory / "authorized_keys").write_text("".join(lines))
