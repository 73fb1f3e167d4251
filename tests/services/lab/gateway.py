"""The process behind `machine.Gateway`: an sshd and an application, and requests on stdin.

Each line is a JSON list, and so is answered with a JSON object. The end of stdin ends it all.
"""

import json
import sys

from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get


def answer(sshd: ThrowawaySshd, request: list[str | int]) -> dict[str, object]:
    """Do what is asked for."""
    match request:
        case ["get", int(port)]:
            try:
                return {"body": http_get(port)}
            except OSError as error:
                return {"error": repr(error)}
        case ["allow", str(key)]:
            with (sshd.directory / "authorized_keys").open("a") as file:
                file.write(f"{key}\n")
            return {}
        case ["free_port"]:
            return {"port": free_port()}
    raise ValueError(request)


def main() -> None:
    """Start both, say what they are, answer."""
    with ThrowawaySshd() as sshd, HttpApp() as app:
        facts = {
            "port": sshd.port,
            "user": sshd.user,
            "host_key": sshd.host_key,
            "identity": sshd.identity_file.read_text(),
            "app": app.port,
        }
        print(json.dumps(facts), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(sshd, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
