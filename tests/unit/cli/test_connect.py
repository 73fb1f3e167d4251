"""What `ground2cloud connect` is told wrong is said in a line."""

from pathlib import Path

import pytest

from tests.lab.command import run_here

KEY = "k" * 43


@pytest.mark.parametrize(
    "url",
    [
        *("http://h:99999", "http://[::1", "http://h:x", "ftp://h", "http://", "http://a b"),
        *("https://[::g]/", "//h", "htttps://h:8443", "wss://h:443", "h", "h:80"),
    ],
)
def test_what_is_no_gateway_is_refused(tmp_path: Path, url: str) -> None:
    done = run_here(tmp_path / "none.toml", "connect", "1001/db", "--gateway", url)
    assert done.code == 1
    assert done.err == (
        f'ground2cloud: "{url}" is no gateway\nhint: such as https://g2c.example.com, or http://…\n'
    )


def test_a_file_of_whom_to_trust_is_named_when_it_can_not_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROUND2CLOUD_GATEWAY", "https://g2c.example.com")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("nothing")
    for file, words in (
        (tmp_path / "nope", f"can't read {tmp_path / 'nope'}: No such file or directory"),
        (garbage, f"there is no certificate in {garbage}"),
    ):
        done = run_here(tmp_path / "none.toml", "connect", "1001/db", "--ca-file", str(file))
        assert (done.code, done.err) == (1, f"ground2cloud: {words}\n")


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GROUND2CLOUD_GATEWAY", "GROUND2CLOUD_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert "--gateway" in run_here(tmp_path / "none.toml", "connect", "1001/db").err
    monkeypatch.setenv("GROUND2CLOUD_GATEWAY", "http://g2c.example.com")
    assert "--key-file or --key-env" in run_here(tmp_path / "none.toml", "connect", "1001/db").err
    monkeypatch.setenv("GROUND2CLOUD_KEY", "short")
    done = run_here(tmp_path / "none.toml", "connect", "1001/db")
    assert "no element key in GROUND2CLOUD_KEY" in done.err
