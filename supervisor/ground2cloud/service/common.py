"""Steps that are the same for every manager that runs the service as an account of its own."""

from ground2cloud.config.directories import APPLICATION
from ground2cloud.service.context import Context
from ground2cloud.service.plan import Directory, Own, RemoveAccount, RemoveTree, Step

_ROOT = "root"


def owners(context: Context) -> tuple[Step, ...]:
    """Let the account read its configuration, which is root's, and have its key.

    The key is the account's own and nobody else's, or ssh would not take it. Root may use it too.
    """
    user, group = context.user, context.group or context.user
    return (
        Directory(context.directories.configuration, 0o750, _ROOT, group),
        *(Own(path, 0o640, _ROOT, group) for path in (context.config, *context.readable)),
        *(Own(path, 0o600, user, user) for path in context.keys),
    )


def places(context: Context) -> tuple[Step, ...]:
    """Make the directories that the service writes to, where the manager doesn't do that."""
    state, run, logs = context.directories[1:]
    user = context.user
    return (
        *(
            Directory(path, mode, user, user)
            for path, mode in ((state, 0o700), (run, 0o700), (logs, 0o750))
        ),
        *(Own(path, mode, user, user) for path, mode in context.inherited.items()),
    )


def purge(context: Context) -> tuple[Step, ...]:
    """Remove configuration, key, state, logs and account.

    What a further instance still needs stays: keys while there is any other configuration in the
    directory, the account while anything is its own.
    """
    configuration, state, run, logs = context.directories
    first = state.name.removesuffix(context.name.removeprefix(APPLICATION))
    group = context.group or context.user
    return (
        *(RemoveTree(path) for path in (context.config, state, run, logs)),
        RemoveTree(configuration, unless=str(configuration / "*.toml")),
        # The group is shared with others; so is an account that is called like it.
        *(
            RemoveAccount(name, unless=str(state.with_name(f"{first}*")) if name == group else "")
            for name in dict.fromkeys((context.user, group))
        ),
    )
