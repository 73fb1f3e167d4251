"""The ssh options that `[ssh.options]` may not set, each with the reason.

An option is refused when the program sets it itself (what is read from ssh, what is proved and
how the lane ends depend on it), when it would weaken what a lane may do or whom it trusts, or
when it would open a second way in for a value that has a key of its own. Aliases and obsolete
spellings that ssh still takes are refused with the option they stand for.

Allowed on purpose: what only narrows trust or chooses among safe things (HostKeyAlgorithms,
KexAlgorithms, MACs, PubkeyAcceptedAlgorithms, CASignatureAlgorithms, RequiredRSASize,
RevokedHostKeys, RekeyLimit, FingerprintHash, CheckHostIP), what chooses the way through the network
(AddressFamily, BindAddress, BindInterface, IPQoS, TCPKeepAlive, ProxyCommand without `ssh.jump`,
ProxyUseFdpass), and where a key or its certificate comes from (CertificateFile, IdentityAgent,
PKCS11Provider, SecurityKeyProvider). The last ones and ProxyCommand can run code as this account;
so can `ssh.program`: who writes this file is trusted with the account it runs under.

The words are those of OpenSSH's readconf.c up to 10.5 and of Debian's patches to it.
"""

from collections.abc import Mapping
from types import MappingProxyType

_IDENTITY = "the program authenticates with gateway.identity_file and nothing else"
_TRUST = "whom to trust is said by gateway.host_key or gateway.known_hosts"
_FORWARD = "forwards come from [[service]]"
_LIMIT = "a lane carries the forwards of [[service]] and nothing else"
_OUTPUT = "the program reads ssh's messages to know how the lane is"
_SESSION = "use ssh.session"
_SOCKET = "the program uses the control socket itself"
_NAME = "write the full name in gateway.host"
_COMMAND = "a lane runs no commands"
_DELAY = "use ssh.connect_timeout; the program itself retries, see [backoff]"
_ALIVE = "use ssh.server_alive_interval and ssh.server_alive_count_max"
_ENVIRONMENT = "a lane hands nothing of this machine's environment over"

REASONS: Mapping[str, str] = MappingProxyType(
    {
        # What another table says.
        "hostname": "use gateway.host",
        "port": "use gateway.ssh_port",
        "user": "use gateway.user",
        "identityfile": "use gateway.identity_file",
        "identityfile2": "use gateway.identity_file",
        "ciphers": "use ssh.ciphers",
        "cipher": "use ssh.ciphers",
        "compression": "use ssh.compression",
        "proxyjump": "use ssh.jump",
        "connecttimeout": _DELAY,
        "connectionattempts": _DELAY,
        "serveraliveinterval": _ALIVE,
        "serveralivecountmax": _ALIVE,
        "protocolkeepalives": _ALIVE,
        "setuptimeout": _ALIVE,
        # The file's structure: these would end the block that the program writes.
        "host": "use gateway.host",
        "match": "one file describes one gateway",
        "include": "write the options here",
        "ignoreunknown": "an unknown option is an error",
        # Whom to trust.
        "userknownhostsfile": _TRUST,
        "userknownhostsfile2": _TRUST,
        "globalknownhostsfile": _TRUST,
        "globalknownhostsfile2": _TRUST,
        "knownhostscommand": _TRUST,
        "stricthostkeychecking": "a host is never trusted on first sight",
        "hostkeyalias": _TRUST,
        "verifyhostkeydns": _TRUST,
        "nohostauthenticationforlocalhost": _TRUST,
        "updatehostkeys": "the program never lets the server add keys to known_hosts",
        # The name is looked up as it stands; a canonical one would meet other known_hosts lines.
        "canonicalizehostname": _NAME,
        "canonicaldomains": _NAME,
        "canonicalizefallbacklocal": _NAME,
        "canonicalizemaxdots": _NAME,
        "canonicalizepermittedcnames": _NAME,
        # Who we are. Nothing may prompt: there is nobody to answer.
        "batchmode": "nobody is there to answer a question",
        "identitiesonly": _IDENTITY,
        "addkeystoagent": "the key stays in its file",
        "pubkeyauthentication": _IDENTITY,
        "dsaauthentication": _IDENTITY,
        "passwordauthentication": _IDENTITY,
        "kbdinteractiveauthentication": _IDENTITY,
        "kbdinteractivedevices": _IDENTITY,
        "challengeresponseauthentication": _IDENTITY,
        "skeyauthentication": _IDENTITY,
        "tisauthentication": _IDENTITY,
        "hostbasedauthentication": _IDENTITY,
        "enablesshkeysign": _IDENTITY,
        "preferredauthentications": _IDENTITY,
        "gssapiauthentication": _IDENTITY,
        "gssapiclientidentity": _IDENTITY,
        "gssapidelegatecredentials": "a lane hands no credentials over",
        # Debian: with it, Kerberos and not the host key says who the server is.
        "gssapikeyexchange": _TRUST,
        "gssapikexalgorithms": _TRUST,
        "gssapirenewalforcesrekey": _IDENTITY,
        "gssapiserveridentity": _TRUST,
        "gssapitrustdns": _TRUST,
        # What is forwarded.
        "remoteforward": _FORWARD,
        "localforward": _FORWARD,
        "dynamicforward": _FORWARD,
        "permitremoteopen": _FORWARD,
        "clearallforwardings": _FORWARD,
        "exitonforwardfailure": "a lane without all of its forwards must end, to be noticed",
        "gatewayports": "use service.remote_bind",
        "streamlocalbindmask": _FORWARD,
        "streamlocalbindunlink": _FORWARD,
        "forwardagent": _LIMIT,
        "forwardx11": _LIMIT,
        "forwardx11trusted": _LIMIT,
        "forwardx11timeout": _LIMIT,
        "xauthlocation": _LIMIT,
        "tunnel": _LIMIT,
        "tunneldevice": _LIMIT,
        # How ssh is run and how it speaks to the program.
        "controlmaster": _SOCKET,
        "controlpath": _SOCKET,
        "controlpersist": _SOCKET,
        "loglevel": _OUTPUT,
        "logverbose": _OUTPUT,
        "syslogfacility": _OUTPUT,
        "visualhostkey": _OUTPUT,
        "sessiontype": _SESSION,
        "requesttty": _SESSION,
        "stdinnull": _SESSION,
        "remotecommand": _SESSION,
        "escapechar": "nobody types into a lane",
        "enableescapecommandline": "nobody types into a lane",
        "forkafterauthentication": "the program watches ssh as its child",
        "localcommand": _COMMAND,
        "permitlocalcommand": _COMMAND,
        "channeltimeout": "it would end connections that are only quiet",
        "unusedconnectiontimeout": "it would end lanes that are only quiet",
        "refuseconnection": "it would end every lane",
        "sendenv": _ENVIRONMENT,
        "setenv": _ENVIRONMENT,
    }
)
"""Why an option is refused, or the key to use instead; by its name in lower case."""

PROTECTED_OPTIONS = frozenset(REASONS)
"""The names in lower case; ssh takes them in any case."""
