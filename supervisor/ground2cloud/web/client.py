"""The other end of the local API, for the command line.

Synchronous and of the standard library alone, so that `ground2cloud status` starts fast. Whatever
goes wrong is one clear line: no agent, a file left by one that is gone, another agent's token, an
agent that hangs, something else that answers.
"""

import http.client
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

import msgspec

from ground2cloud.errors import Ground2CloudError
from ground2cloud.web import address
from ground2cloud.web.messages import CONTROL_FILE, Answer, ControlFile, Status

READ_TIMEOUT = 5.0
"""Seconds; the agent answers `status` from memory."""

REQUEST_TIMEOUT = 60.0
"""Seconds; a reload waits for new lanes to be ready and old ones to end."""

# A status of a thousand services is about 1 MB, a gateway's ten thousand registrations are 9.
_ANSWER_LIMIT = 64 * 1024 * 1024
_REFUSED = frozenset({404, 409})  # the agent's own no, with its reasons

_T = TypeVar("_T")


class NotRunningError(Ground2CloudError):
    """No agent answers: there is nothing to ask, and nothing to stop."""


class ApiClient:
    """Asks one running agent. Every call may raise `Ground2CloudError`.

    `pid` is that of the agent, `who` what messages call it, `run` what starts it. Timeouts in
    seconds.
    """

    who = "the agent"
    run = "ground2cloud run"

    def __init__(
        self,
        control: ControlFile,
        *,
        run: str | None = None,
        read_timeout: float = READ_TIMEOUT,
        request_timeout: float = REQUEST_TIMEOUT,
    ) -> None:
        self.pid = control.pid
        self.run = run or self.run
        self._control = control
        self._read_timeout = read_timeout
        self._request_timeout = request_timeout

    @classmethod
    def from_run_dir(cls, run_dir: Path, *, run: str | None = None) -> Self:
        """Find the agent that uses this run directory.

        Args:
            run_dir: where it says how to ask it.
            run: the command that starts it, where that is not the plain one.

        Raises:
            NotRunningError: none says that it does.
            Ground2CloudError: the file can't be read or understood.
        """
        control = _read_control(run_dir, cls.who)
        if control is None:
            raise NotRunningError(f"{cls.who} is not running", _start_with(run or cls.run))
        return cls(control, run=run)

    def status(self) -> Status:
        """Ask what is known now."""
        return self._ask("GET", "/v1/status", Status, self._read_timeout)

    def reload(self) -> Answer:
        """Have the configuration loaded again; wait for the result."""
        return self._request("/v1/reload")

    def pause(self, service: str) -> Answer:
        """Have a service withdrawn from the gateway."""
        return self._request(f"/v1/services/{quote(service, safe='')}/pause")

    def resume(self, service: str) -> Answer:
        """Have a paused service offered again."""
        return self._request(f"/v1/services/{quote(service, safe='')}/resume")

    def restart(self) -> Answer:
        """Have every lane ended and started again."""
        return self._request("/v1/restart")

    def stop(self) -> Answer:
        """Have the program end; it does so after the answer."""
        return self._request("/v1/stop")

    def _request(self, path: str) -> Answer:
        return self._ask("POST", path, Answer, self._request_timeout)

    def _ask(self, method: str, path: str, kind: type[_T], timeout: float) -> _T:
        try:
            code, body = self._exchange(method, path, timeout)
        except ConnectionRefusedError:
            raise NotRunningError(
                f"{self.who} is not running (process {self.pid} left without a word)",
                _start_with(self.run),
            ) from None
        except TimeoutError:
            raise Ground2CloudError(
                f"{self.who} (process {self.pid}) gives no answer within {timeout:g} s",
                "see its log; if it hangs, end that process and start it again",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._not_understood(type(error).__name__) from None
        if code not in {200, *_REFUSED}:
            raise self._refused(code, body)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._not_understood(str(error)) from None

    def _exchange(self, method: str, path: str, timeout: float) -> tuple[int, bytes]:
        host, port = address.split(self._control.address)
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            connection.request(
                method, path, headers={"Authorization": f"Bearer {self._control.token}"}
            )
            response = connection.getresponse()
            return response.status, response.read(_ANSWER_LIMIT)
        finally:
            connection.close()

    def _refused(self, code: int, body: bytes) -> Ground2CloudError:
        if code == http.client.UNAUTHORIZED:
            return Ground2CloudError(
                f"{self.who} at {self._control.address} is not the one of this configuration",
                "name its configuration with --config",
            )
        try:
            answer = msgspec.json.decode(body, type=Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return self._not_understood(f"status {code}")
        return Ground2CloudError(f"{self.who} refuses: {answer.message}", answer.hint)

    def _not_understood(self, detail: str) -> Ground2CloudError:
        return Ground2CloudError(
            f"what answers at {self._control.address} is not understood ({detail})",
            "it is another program, or one of another version: stop it and start it again",
        )


def _start_with(command: str) -> str:
    return f"start it with: {command}"


def _read_control(run_dir: Path, who: str) -> ControlFile | None:
    """Read where the program that uses this run directory answers; None if none says so.

    Raises:
        Ground2CloudError: the file can't be read or understood.
    """
    file = run_dir / CONTROL_FILE
    try:
        control = msgspec.json.decode(file.read_bytes(), type=ControlFile)
        address.split(control.address)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise Ground2CloudError(
            f"not allowed to read {file}: {who} runs as another user",
            "run this as that user, or with sudo",
        ) from None
    except OSError as error:
        raise Ground2CloudError(f"can't read {file}: {error.strerror or error}") from None
    except (msgspec.MsgspecError, ValueError):
        raise Ground2CloudError(
            f"{file} is damaged", f"delete it; if it runs, {who} writes it again within a minute"
        ) from None
    return control
