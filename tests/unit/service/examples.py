"""A service that could be, in a directory of the test."""

from pathlib import Path

from ground2cloud.config.directories import Directories
from ground2cloud.service.context import Context
from ground2cloud.service.plan import File
from ground2cloud.service.seal import MARK, seal


def context(
    home: Path = Path("/srv/g2c"), instance: str = "", program: tuple[str, ...] = ("/opt/g2c",)
) -> Context:
    """Describe a service whose directories are all below `home`."""
    directories = Directories(home / "etc", home / "lib", home / "run", home / "log")
    return Context(
        program=program,
        config=directories.configuration / f"{instance or 'agent'}.toml",
        directories=directories.of_instance(instance) if instance else directories,
        instance=instance,
        keys=(directories.configuration / "id_ed25519",),
    )


def sealed(path: Path, text: str = "exec true\n", mode: int = 0o644) -> File:
    """Make a file as a manager's templates give it."""
    return File(path, seal(f"# seal {MARK}\n{text}"), mode)
