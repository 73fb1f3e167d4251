"""The program as a person installs it: a wheel, in an environment of its own in /opt.

The account of a service can't look into root's home, where the Python of these tests may live. So
machines see that Python below /opt, too, and the packages that the program needs are the ones that
the tests run with: nothing is downloaded.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.services.lab.machine import CHECKOUT

HOME = "/opt/ground2cloud"
PROGRAM = f"{HOME}/bin/ground2cloud"
_PACKAGES = Path("/opt/packages")
_WHEELS = Path("/opt/wheels")
INITS = Path("/opt/inits")
_PYTHON = Path("/opt/python")
_TREES = ("supervisor", "ssh_templates", "service_wrappers")
_FILES = ("pyproject.toml", "README.md", "LICENSE")


def shares(wheels: Path) -> dict[Path, Path]:
    """Return what machines have to see: Python, its packages, the wheels, small inits.

    The checkout itself may lie where machines have something else, such as in /tmp.
    """
    packages = Path(sysconfig.get_path("purelib"))
    return {
        Path(sys.base_prefix): _PYTHON,
        packages: _PACKAGES,
        wheels: _WHEELS,
        Path(__file__).with_name("inits"): INITS,
    }


def build_wheel(directory: Path, version: str = "") -> str:
    """Build a wheel of the checkout, as another version if one is given; return its name."""
    source = directory / "source"
    for tree in _TREES:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / tree, source / tree, ignore=ignored)
    for file in _FILES:
        shutil.copy(CHECKOUT / file, source / file)
    if version:
        init = source / "supervisor/ground2cloud/__init__.py"
        init.write_text(re.sub(r'(?m)^(__version__ = )".*"', rf'\1"{version}"', init.read_text()))
    made = source / "made"
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(made)]
    subprocess.run(argv, cwd=source, check=True, capture_output=True, timeout=50)
    (wheel,) = made.iterdir()
    wheel.rename(directory / wheel.name)
    shutil.rmtree(source)
    return wheel.name


def installation(wheel: str) -> str:
    """Return the shell script that installs a wheel, or in place of an older one."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = f"{HOME}/lib/{python}/site-packages/tests.pth"
    # The loader's own list: a Python may bring its library, and name where that was at home.
    return f"""
        umask 022
        echo {_PYTHON}/lib >/etc/ld.so.conf.d/python-of-the-tests.conf
        ldconfig
        [ -d {HOME} ] || {_PYTHON}/bin/{python} -m venv --without-pip {HOME}
        rm -f {path}
        PYTHONPATH={_PACKAGES} {HOME}/bin/python -m pip install --quiet --no-index --no-deps \\
            --disable-pip-version-check --root-user-action=ignore --force-reinstall \\
            {_WHEELS}/{wheel}
        echo {_PACKAGES} >{path}
        ln -sf {PROGRAM} /usr/local/bin/ground2cloud
    """
