"""Walk the chain with the doctor, and show each finding as it comes in."""

import asyncio
import sys

import click
import msgspec

from ground2cloud.cli.running import config_path, find_agent
from ground2cloud.cli.settings import Settings
from ground2cloud.cli.table import paint
from ground2cloud.cli.words import duration, marks_for, wants_color
from ground2cloud.errors import EXIT_CONFIG, EXIT_FAILURE, Ground2CloudError
from ground2cloud.logs.escape import printable
from ground2cloud.roles.doctor.examine import examine
from ground2cloud.roles.doctor.finding import Finding, Result, bad, good, unknown
from ground2cloud.web.client import NotRunningError
from ground2cloud.web.messages import Status

_LIMIT = 500
_INDENT = " " * 27


def find_and_show(settings: Settings, *, as_json: bool) -> int:
    """Examine everything; answer the exit code."""
    findings = asyncio.run(_find(settings, as_json=as_json))
    broken = [finding.step for finding in findings if finding.result is Result.BAD]
    if as_json:
        content = {"ok": not broken, "findings": findings}
        click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2))
    else:
        click.echo()
        click.echo(f"the first thing to mend: {broken[0]}" if broken else "everything works")
    if "configuration" in broken:
        return EXIT_CONFIG
    return EXIT_FAILURE if broken else 0


async def _find(settings: Settings, *, as_json: bool) -> list[Finding]:
    agent, status = _agent(settings)
    findings = [agent]
    if not as_json:
        _show(agent)
    async for finding in examine(config_path(settings), status):
        findings.append(finding)
        if not as_json:
            _show(finding)
    return findings


def _agent(settings: Settings) -> tuple[Finding, Status | None]:
    """Ask the agent, if one runs."""
    try:
        status = find_agent(settings).status()
    except NotRunningError:
        return unknown("agent", "it is not running"), None
    except Ground2CloudError as error:
        return bad("agent", error.message, error.hint), None
    running = f"running for {duration(status.uptime)} (process {status.pid}), {status.summary}"
    return good("agent", running), status


def _show(finding: Finding) -> None:
    marks = marks_for(sys.stdout)
    mark, color = {Result.GOOD: (marks.good, "green"), Result.BAD: (marks.bad, "red")}.get(
        finding.result, (marks.unknown, "")
    )
    took = "" if finding.seconds is None else duration(finding.seconds)
    first, *more = (printable(line, _LIMIT) for line in finding.message.split("\n"))
    lines = [f"{paint(mark, color)} {finding.step:<14} {took:>8}  {first}"]
    lines += [f"{_INDENT}{line}" for line in more]
    if finding.hint:
        lines.append(f"{_INDENT}hint: {printable(finding.hint, _LIMIT)}")
    click.echo("\n".join(lines), color=wants_color(sys.stdout))
