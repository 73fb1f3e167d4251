"""The process behind `machine.Gateway`: an sshd, a backchannel and an application; reads stdin.

Each line is a JSON list, and so is answered with a JSON object. The end of stdin ends it all.
"""

import http.client
import json
import sys

from tests.lab.httpapp import HttpApp
from tests.lab.ports import free_port
from tests.lab.small_gateway import SmallGateway
from tests.lab.sshd import ThrowawaySshd
from tests.lab.waiting import http_get


def answer(  # noqa: PLR0911 - one for each request
    sshd: ThrowawaySshd, desk: SmallGateway, request: list[str | int]
) -> dict[str, object]:
    """Do what is asked for."""
    match request:
        case ["get", int(port)]:
            try:
                return {"body": http_get(port)}
            except OSError as error:
                return {"error": repr(error)}
        case ["route", str(route), str(key)]:
            return {"body": through_router(route, key)}
        case ["allow", str(key)]:
            with (sshd.directory / "authorized_keys").open("a") as file:
                file.write(f"{key}\n")
            return {}
        case ["invite"]:
            return {"join": desk.invite()}
        case ["tunnel"]:
            newest = desk.members[max(desk.members)]
            return {"port": next(iter(newest.ports.values()))}
        case ["free_port"]:
            return {"port": free_port()}
    raise ValueError(request)


def through_router(route: str, key: str) -> str:
    """Ask through the router of a machine's gateway, at port 80; answer what came of it."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
    try:
        headers = {"Ground2Cloud-Route": route, "Ground2Cloud-Key": key}
        connection.request("GET", "/", headers=headers)
        answer = connection.getresponse()
        return answer.headers.get("Ground2Cloud-Error") or answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return repr(error)
    finally:
        connection.close()


def main() -> None:
    """Start them, say what they are, answer."""
    with ThrowawaySshd() as sshd, SmallGateway() as desk, HttpApp() as app:
        facts = {
            "port": sshd.port,
            "user": sshd.user,
            "host_key": sshd.host_key,
            "identity": sshd.identity_file.read_text(),
            "app": app.port,
        }
        print(json.dumps(facts), flush=True)
        for line in sys.stdin:
            print(json.dumps(answer(sshd, desk, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
