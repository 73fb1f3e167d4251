"""The one table: what ssh's words mean, and what somebody can do about it.

Every failure of ssh exits with 255, so its text is the only evidence. The first row of the table
that one of the lines fits is the verdict: the rows stand in the order of how much they tell.

PERMANENT is what does not pass by itself: somebody must change a file, here or on the gateway. A
port that is taken is TRANSIENT: most often a dead session of our own holds it, until the gateway
notices. A gateway without a common algorithm is PERMANENT: only an update or `ssh.ciphers` helps.
A server can lie its way to a PERMANENT verdict, but gains nothing: it could as well refuse the key.

"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ground2cloud.core.spec import Outcome
from ground2cloud.openssh.words import Words


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of failure.

    Args:
        reason: the verdict's slug.
        outcome: the verdict's outcome.
        pattern: must fit the beginning of the message; its groups serve `message` and `hint`.
        message: for people, with `{name}` for a group of the pattern or a word of `judging`.
        hint: the same.
        introduces: the line must be of the first exchange with the server.
        offline: the line must come before any exchange: it is about our own file.
        only_with: the row counts only if a line of this reason was there too.
    """

    reason: str
    outcome: Outcome
    pattern: re.Pattern[str]
    message: str
    hint: str = ""
    introduces: bool = False
    offline: bool = False
    only_with: str = ""


def _row(
    reason: str,
    outcome: Outcome,
    pattern: str,
    message: str,
    hint: str = "",
    *,
    introduces: bool = False,
    offline: bool = False,
    only_with: str = "",
) -> Row:
    return Row(reason, outcome, re.compile(pattern), message, hint, introduces, offline, only_with)


_PERMANENT, _TRANSIENT = Outcome.PERMANENT, Outcome.TRANSIENT
OPTIONS_HINT = "look at [ssh] and [ssh.options] in agent.toml; `man ssh_config` lists the options"
_CONNECT = r"ssh: connect to host (?P<host>\S+) port (?P<port>\d+): "
_HOST_KEY_HINT = (
    "read the key on that machine itself (cat /etc/ssh/ssh_host_ed25519_key.pub) and put it in"
    " {trust}"
)
_NEW_KEY = 'ssh-keygen -t ed25519 -N "" -f "{identity_file}"'
_AUTHORIZE = "add the line of {identity_file}.pub to ~{user}/.ssh/authorized_keys on {there}"
SESSION_HINT = (
    'set ssh.session = "none" in agent.toml, or give the key a command in authorized_keys:'
    ' command="exec cat"'
)
_NETWORK_HINT = "check this machine's network: cable, Wi-Fi, VPN, routes"
_FIREWALL_HINT = "check the address and port {port}; a firewall on the way may drop the connection"

TABLE: tuple[Row, ...] = (
    # The file that we wrote.
    _row(
        "option-unknown",
        _PERMANENT,
        r".*: line \d+: Bad configuration option: (?P<option>\w+)$",
        "this ssh does not know the option {option}",
        OPTIONS_HINT,
        offline=True,
    ),
    _row(
        "config-bad",
        _PERMANENT,
        r"(?:.*:? line \d+: |(?=Bad owner or permissions on |Can't open user config file ))"
        r"(?P<complaint>.+)"
        r"|.*: terminating, \d+ bad configuration options",
        "ssh refuses its configuration{complaint}",
        OPTIONS_HINT,
        offline=True,
    ),
    # Who the server is.
    _row(
        "host-key-changed",
        _PERMANENT,
        r"@ +WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!"
        r"|Host key for (?P<host>.*) has changed and you have requested strict checking"
        r"|The \S+ host key for .* is marked as revoked|.* host key for .* was revoked",
        "{who} shows another host key than the one that is trusted",
        "somebody may be listening in. If the machine was set up anew, " + _HOST_KEY_HINT,
    ),
    _row(
        "host-key-unknown",
        _PERMANENT,
        r"No \S+ host key is known for (?P<host>.*) and you have requested strict checking"
        r"|Host key verification failed",
        "the host key of {who} is not known here",
        _HOST_KEY_HINT,
    ),
    # Who we are.
    _row(
        "key-unusable",
        _PERMANENT,
        r"Permissions (?:0\d+ )?for '.*' are too open"
        r"|@ +WARNING: UNPROTECTED PRIVATE KEY FILE!"
        r'|Load key ".*": bad permissions',
        "others may read the private key {identity_file}, so ssh does not use it",
        "{permission_hint}",
    ),
    _row(
        "key-encrypted",
        _PERMANENT,
        r'Load key ".*": incorrect passphrase',
        "the private key {identity_file} needs a passphrase, and nobody is there to type it",
        f"use a key without one: {_NEW_KEY}, and {_AUTHORIZE}",
    ),
    _row(
        "key-unusable",
        _PERMANENT,
        r'Load key ".*": |no such identity: .*: (?!No such file or directory)',
        "the private key {identity_file} can't be used",
        "it must be OpenSSH's private key (not the .pub file) and readable by the account that runs"
        f" this program; a new one: {_NEW_KEY}",
    ),
    _row(
        "key-missing",
        _PERMANENT,
        r"no such identity: ",
        "there is no private key {identity_file}",
        f"set gateway.identity_file in agent.toml, or make a key: {_NEW_KEY}, and {_AUTHORIZE}",
    ),
    _row(
        "permission-denied",
        _PERMANENT,
        r"(?:\S+@(?P<host>\S+): )?Permission denied \((?!.*publickey)[^)]*\)\.",
        "{who} does not let {user} in with a key alone",
        "allow it in its sshd_config: PubkeyAuthentication yes, AuthenticationMethods publickey",
    ),
    _row(
        "key-encrypted",
        _PERMANENT,
        r"Server accepts key: ",
        "{who} knows the key {identity_file}, but ssh can't sign with it: it needs a passphrase, or"
        " the .pub file beside it is of another key",
        f"use a key without a passphrase: {_NEW_KEY}, and {_AUTHORIZE}",
        only_with="permission-denied",
    ),
    _row(
        "permission-denied",
        _PERMANENT,
        r"(?:\S+@(?P<host>\S+): )?Permission denied \([^)]*\)\."
        r"|Received disconnect from .*: ?2: Too many authentication failures",
        "{who} does not let {user} in with the key {identity_file}",
        f"{_AUTHORIZE}, and check gateway.user; sshd's log there says why (journalctl -u ssh)",
    ),
    # What it lets us do.
    _row(
        "forward-refused",
        _PERMANENT,
        r"Remote: (?:port forwarding refused|Server has disabled port forwarding)",
        "the gateway does not allow this key to listen on {failed}",
        "on the gateway, in the key's line of authorized_keys where it says restrict:"
        ' port-forwarding,permitlisten="{failed}"; in sshd_config: AllowTcpForwarding yes (and no'
        " DisableForwarding). Ports below 1024 need root there",
        only_with="port-taken",
    ),
    _row(
        "port-taken",
        _TRANSIENT,
        r"Error: remote port forwarding failed for listen port (?P<taken>\d+)",
        "{failed} on the gateway is in use, perhaps by a dead session that it has not noticed yet",
        "it frees itself once the gateway notices (ClientAliveInterval 15 in its sshd_config);"
        " who holds it, on the gateway: sudo ss -tlnp 'sport = :{taken}'",
    ),
    # Before it speaks.
    _row(
        "server-full",
        _TRANSIENT,
        r"(?:banner line \d+: )?Exceeded MaxStartups",
        "{who} has too many logins in progress",
        "it passes by itself; if not, raise MaxStartups in its sshd_config",
        introduces=True,
    ),
    _row(
        "penalised",
        _TRANSIENT,
        r"(?:banner line \d+: )?Not allowed at this time",
        "{who} turns this machine away for now: too many logins failed, or are in progress",
        "it passes by itself; if not, see PerSourcePenalties and MaxStartups in its sshd_config",
        introduces=True,
    ),
    _row(
        "name-resolution",
        _TRANSIENT,
        r"ssh: Could not resolve hostname (?P<host>\S+): ",
        "the name of {who} can't be resolved to an address",
        f"check the name for a typing mistake; and {_NETWORK_HINT}, DNS",
    ),
    _row(
        "refused",
        _TRANSIENT,
        _CONNECT + "Connection refused",
        "{who} refuses connections on port {port}",
        "check that sshd runs there and listens on that port; a firewall may refuse, too",
    ),
    _row(
        "timed-out",
        _TRANSIENT,
        _CONNECT + r"(?:Connection|Operation) timed out",
        "{who} does not answer on port {port}",
        _FIREWALL_HINT,
    ),
    _row(
        "unreachable",
        _TRANSIENT,
        _CONNECT,
        "there is no way through the network to {who}",
        _NETWORK_HINT,
    ),
    _row(
        "no-banner",
        _TRANSIENT,
        r"Connection timed out during banner exchange",
        "{who} takes the connection but says nothing",
        "the machine may be overloaded, or something else than sshd listens on port {port}",
    ),
    _row(
        "no-common-algorithm",
        _PERMANENT,
        r"Unable to negotiate with .*: no matching (?P<what>[A-Za-z ]{1,40}) found",
        "{who} and this ssh have no {what} in common",
        "if ssh.ciphers is set in agent.toml, remove it; else update the older of the two OpenSSH",
    ),
    _row(
        "jump-failed",
        _TRANSIENT,
        r"stdio forwarding failed|Connection closed by UNKNOWN port 65535",
        "{way} does not get through to the gateway {host}, port {port}",
        "check that it can reach the gateway; a jump host must allow it"
        " (AllowTcpForwarding and PermitOpen in its sshd_config)",
    ),
    _row(
        "dropped",
        _TRANSIENT,
        r"Connection closed by remote host|read: |banner line (?:contains|too long)"
        r"|No SSH version received",
        "{who} closed the connection at once",
        "port {port} may not be sshd's, sshd may be restarting, or it blocks this machine's address"
        " (fail2ban, a firewall)",
        introduces=True,
    ),
    _row(
        "dropped",
        _TRANSIENT,
        r"Bad remote protocol version identification|Protocol major versions differ",
        "what listens on port {port} of {who} is not an sshd that this ssh understands",
        "check gateway.ssh_port",
    ),
    # Once it was up.
    _row(
        "session-refused",
        _TRANSIENT,
        r"(?:exec|shell) request failed on channel \d+|channel \d+: open failed: ",
        "the gateway allows forwards, but no session beside them",
        SESSION_HINT,
    ),
    _row(
        "link-dead",
        _TRANSIENT,
        r"Timeout, server .* not responding|send disconnect: |Connection reset by |Disconnecting "
        r"|(?:\w+: )*Connection to \S+ port \d+(?:: | timed out)|Read from remote host .*: ",
        "the connection to {who} broke off",
        "",
    ),
    _row(
        "server-closed",
        _TRANSIENT,
        r"Received disconnect from |Disconnected from |Connection closed by "
        r"|Connection to .* closed by remote host",
        "{who} closed the connection",
        "sshd there was restarted or ended it; its log says why (journalctl -u ssh)",
    ),
)

CONNECT_REASONS = frozenset({"name-resolution", "refused", "timed-out", "unreachable"})
"""Said of one of a host's addresses; without meaning once another one answers."""

LATER_REASONS = frozenset({"session-refused", "link-dead", "server-closed"})
"""The only ones that a ready lane can end for; all else is long decided, or made up by others."""


def matching(words: Words, *, offline: bool) -> Iterator[tuple[int, re.Match[str]]]:
    """Answer the rows that a line fits, by their place in the table.

    `offline` says that no server has been spoken with yet.
    """
    for index, row in enumerate(TABLE):
        if row.introduces and not words.introduces:
            continue
        if row.offline and (not offline or words.function):
            continue  # a named function's line is not about the file
        match = row.pattern.match(words.text)
        if match is not None:
            yield index, match
