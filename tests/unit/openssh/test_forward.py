"""A forward, as ssh_config, `-R` and ssh's own words spell it."""

import pytest

from ground2cloud.openssh.forward import Forward


@pytest.mark.parametrize(
    ("bind", "host", "directive", "confirmation"),
    [
        (
            "127.0.0.1",
            "localhost",
            "127.0.0.1:11081 localhost:8080",
            "listen 127.0.0.1:11081, connect localhost:8080",
        ),
        ("::1", "fe80::1", "[::1]:11081 [fe80::1]:8080", "listen ::1:11081, connect fe80::1:8080"),
        ("*", "DB.example", "*:11081 DB.example:8080", "listen *:11081, connect DB.example:8080"),
        (
            "localhost",
            "10.1.2.3",
            "localhost:11081 10.1.2.3:8080",
            "listen localhost:11081, connect 10.1.2.3:8080",
        ),
    ],
)
def test_every_spelling(bind: str, host: str, directive: str, confirmation: str) -> None:
    forward = Forward("app", bind, 11081, host, 8080)
    assert forward.directive == directive
    assert forward.spec == directive.replace(" ", ":")
    assert forward.confirmation == confirmation


@pytest.mark.parametrize(
    "values",
    [
        ("app", "", 11081, "localhost", 8080),
        ("app", "127.0.0.1", 0, "localhost", 8080),
        ("app", "127.0.0.1", 11081, "localhost", 65536),
        ("app", "127.0.0.1", 11081, "local host", 8080),
        ("app", "127.0.0.1", 11081, "/var/run/socket", 8080),
        ("app", "127.0.0.1", 11081, "*", 8080),
        ("app", "127.0.0.1 x", 11081, "localhost", 8080),
        ("app\n", "127.0.0.1", 11081, "localhost", 8080),
        ("", "127.0.0.1", 11081, "localhost", 8080),
    ],
)
def test_what_ssh_would_misread_is_refused(values: tuple[str, str, int, str, int]) -> None:
    with pytest.raises(ValueError, match=r"is not a|is neither"):
        Forward(*values)
