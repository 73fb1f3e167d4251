"""The key with which this machine logs in on the gateway: the one that is there, or a new one."""

from pathlib import Path

from ground2cloud.errors import Ground2CloudError
from ground2cloud.openssh import system
from ground2cloud.openssh.keys import KeyReport, check_key, make_key
from ground2cloud.rendering.atomic import make_private_directory


async def provide_key(path: Path) -> tuple[KeyReport, bool]:
    """Answer with the key at `path`, and whether it was made now.

    Raises:
        Ground2CloudError: the one that is there can't be used, or none can be made.
    """
    keygen = system.locate("ssh-keygen")
    if keygen is None:
        raise Ground2CloudError("there is no ssh-keygen on this machine", system.INSTALL_HINT)
    new = not path.exists()  # noqa: ASYNC240 - nothing else runs
    if new:
        try:
            make_private_directory(path.parent)
        except OSError as error:
            raise Ground2CloudError(f"can't make {path.parent}: {error.strerror}") from None
        await make_key(path, keygen)
    report = await check_key(path, keygen)
    if not report.usable:
        raise Ground2CloudError(report.message, report.hint)
    return report, new


def authorized_line(public_key: str, bind: str, port: int) -> str:
    """Answer with the line of authorized_keys that lets the key open one port, and nothing else."""
    options = f'restrict,port-forwarding,permitlisten="{bind}:{port}",command="exec cat"'
    return f"{options} {public_key}"
