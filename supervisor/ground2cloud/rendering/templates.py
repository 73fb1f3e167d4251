"""Find a template and render it strictly.

In an installed wheel the templates are `ground2cloud/_data/…`, in a checkout they are the
directories `ssh_templates/` and `service_wrappers/` beside `supervisor/`.

Strict: a name that is not given is an error, and so is a value that would come out as Python's
`None`, `True` or `False`, which no program that reads the result understands.
"""

import functools
from collections.abc import Callable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2

FOLDERS = ("ssh_templates", "service_wrappers")
"""Where templates are looked for, in this order."""


def folder(name: str) -> Traversable:
    """Find a folder of data files, such as `service_wrappers`.

    Raises:
        FileNotFoundError: it is in neither place; the installation is damaged.
    """
    return _find(resources.files("ground2cloud"), name)


def render(
    name: str, /, *, filters: Mapping[str, Callable[..., object]] | None = None, **values: object
) -> str:
    """Render the template called `name` with `values`.

    Args:
        name: its path inside one of `FOLDERS`.
        filters: more filters for the template, by name.
        values: what the template may use.

    Raises:
        jinja2.TemplateError: there is no such template, it is wrong, or it uses what isn't given.
        TypeError: it would print `None`, `True` or `False`.
    """
    environment = _environment(_read, filters) if filters else _plain()
    return environment.get_template(name).render(**values)


@functools.cache
def _plain() -> "jinja2.Environment":
    """The environment without filters; it keeps what it compiled, 10 ms for each reconnect."""
    return _environment(_read, {})


def _find(package: Traversable, name: str) -> Traversable:
    installed = package / "_data" / name
    if installed.is_dir():
        return installed
    checkout = Path(str(package)).parents[1] / name
    if checkout.is_dir():
        return checkout
    raise FileNotFoundError(f"no {name} in this installation")


def _environment(
    read: Callable[[str], str | None], filters: Mapping[str, Callable[..., object]]
) -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415 - 50 ms that commands such as status do without

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(read),
        undefined=jinja2.StrictUndefined,
        # The result is no HTML: escaping for HTML would damage it and protect nothing. Quoting is
        # done by the filters of whoever knows the format.
        autoescape=False,  # noqa: S701 - see above
        # A line with only a block tag leaves no line, and the last line keeps its end.
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_refuse_python,
    )
    environment.filters.update(filters)
    return environment


def _read(name: str) -> str | None:
    for place in FOLDERS:
        file = folder(place).joinpath(*name.split("/"))
        if file.is_file():
            return file.read_text(encoding="utf-8")
    return None


def _refuse_python(value: object) -> object:
    if value is None or isinstance(value, bool):
        raise TypeError(f"a template would print {value}")
    return value
