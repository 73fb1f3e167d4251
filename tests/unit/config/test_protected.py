"""The options that the program keeps for itself."""

from ground2cloud.config.protected import PROTECTED_OPTIONS, REASONS

KEPT = """
Host Match Include HostName Port User IdentityFile IdentitiesOnly
UserKnownHostsFile GlobalKnownHostsFile StrictHostKeyChecking HostKeyAlias VerifyHostKeyDNS
KnownHostsCommand NoHostAuthenticationForLocalhost UpdateHostKeys
BatchMode RemoteForward LocalForward DynamicForward ClearAllForwardings ExitOnForwardFailure
ServerAliveInterval ServerAliveCountMax ConnectTimeout ConnectionAttempts
ControlMaster ControlPath ControlPersist LogLevel LogVerbose SyslogFacility
SessionType RequestTTY StdinNull ForkAfterAuthentication RemoteCommand LocalCommand
PermitLocalCommand EscapeChar Ciphers Compression ProxyJump
ForwardAgent ForwardX11 ForwardX11Trusted ForwardX11Timeout Tunnel TunnelDevice GatewayPorts
StreamLocalBindMask StreamLocalBindUnlink
PasswordAuthentication KbdInteractiveAuthentication PreferredAuthentications
ChannelTimeout UnusedConnectionTimeout IgnoreUnknown SendEnv SetEnv
IdentityFile2 ChallengeResponseAuthentication DSAAuthentication SetupTimeOut GSSAPIKeyExchange
"""

FREE = """
AddressFamily BindAddress BindInterface CASignatureAlgorithms CertificateFile CheckHostIP
HostKeyAlgorithms IdentityAgent IPQoS KexAlgorithms MACs PKCS11Provider ProxyCommand
PubkeyAcceptedAlgorithms RekeyLimit RequiredRSASize RevokedHostKeys TCPKeepAlive
"""


def test_what_the_program_needs_is_kept() -> None:
    assert [word for word in KEPT.split() if word.lower() not in PROTECTED_OPTIONS] == []


def test_what_only_chooses_or_narrows_is_free() -> None:
    assert [word for word in FREE.split() if word.lower() in PROTECTED_OPTIONS] == []


def test_every_kept_option_has_a_reason_and_is_written_as_it_is_looked_up() -> None:
    assert set(REASONS) == PROTECTED_OPTIONS
    assert all(word == word.lower() and reason for word, reason in REASONS.items())
