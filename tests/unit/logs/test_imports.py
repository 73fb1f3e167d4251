"""The log costs the start of the program little."""

import subprocess
import sys


def test_the_log_brings_no_large_package_along() -> None:
    code = "import ground2cloud.logs.setup, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert "logging" in tops
    assert not tops & {"aiohttp", "asyncio", "click", "jinja2", "msgspec", "psutil", "rich", "ssl"}
