"""`ground2cloud doctor`: try every link of the chain, and say what to mend first."""

import click

from ground2cloud.cli.settings import Settings, common_options


@click.command()
@common_options
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_obj
def doctor(settings: Settings, *, as_json: bool) -> int:
    """Try every step of the way, and say what to mend first.

    \b
    agent          does one run on this configuration?
    configuration  is the file good?
    ssh            is there an OpenSSH on this machine, and is it new enough?
    registration   is this machine registered? (without [gateway] in the file)
    settings       does that ssh take what the file says in [ssh]?
    key            can it use the private key?
    files          can nobody else change the configuration and the key?
    name           does the gateway's name lead to an address?
    connection     does the gateway's port take connections?
    server         is it an SSH server that answers there?
    host key       is it really the gateway?
    login          does it let this machine in?
    forward        does it let this machine open the ports?
    backchannel    does the gateway's API know this machine? (the same)
    application    does the application here answer?
    clock          is the time right?

    While the agent runs, host key, login and forward are taken from its status.
    """  # noqa: D301 - click's mark of a paragraph whose lines stay as they are
    from ground2cloud.cli.findings import find_and_show  # noqa: PLC0415 - or --help would load ssh

    return find_and_show(settings, as_json=as_json)
