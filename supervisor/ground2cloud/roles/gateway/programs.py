"""Whether the programs are there that a gateway runs, and the account that it runs them as."""

from ground2cloud.config.gateway_model import GatewayConfig
from ground2cloud.core.spec import Verdict
from ground2cloud.haproxy.program import find_haproxy
from ground2cloud.openssh.sshd.child import shell_problem
from ground2cloud.openssh.sshd.program import find_sshd
from ground2cloud.roles.gateway import system


async def missing_programs(config: GatewayConfig) -> list[str]:
    """Say which programs are missing on this machine, a line each, with what to do about it."""
    found = [await find_sshd(config.ssh.program), await find_haproxy(config.router.program)]
    return [f"{each.message}; {each.hint}" for each in found if isinstance(each, Verdict)]


async def missing(config: GatewayConfig) -> list[str]:
    """Say what else is missing, too: an account that it can run as."""
    lines = await missing_programs(config)
    user = config.gateway.user if system.number() == 0 else system.current()
    if user is None:
        return [*lines, "started as root it needs an account to become: set user in [gateway]"]
    problem = shell_problem(user)
    return [*lines, problem] if problem else lines
