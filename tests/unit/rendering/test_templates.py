"""Templates are found and rendered strictly."""

from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest

from ground2cloud.rendering.templates import FOLDERS, _environment, _find, folder, render


def render_text(
    text: str, filters: dict[str, Callable[..., object]] | None = None, **values: object
) -> str:
    """Render a text in place of a template's."""
    return _environment({"t": text}.get, filters or {}).get_template("t").render(**values)


def test_values_come_out_as_they_are() -> None:
    """No escaping for HTML, no line lost at the end."""
    made = render_text("Host {{ host }}\nPort {{ port }}\n", host="<a> & 'b' \"c\"", port=22)
    assert made == "Host <a> & 'b' \"c\"\nPort 22\n"


def test_a_line_with_only_a_tag_leaves_no_line() -> None:
    text = "a\n  {% for x in xs %}\n  b {{ x }}\n  {% endfor %}\n{# why #}\nc\n"
    assert render_text(text, xs=[1, 2]) == "a\n  b 1\n  b 2\nc\n"


@pytest.mark.parametrize("text", ["{{ host }}", "{% if host %}{% endif %}", "{{ table.host }}"])
def test_what_is_not_given_is_an_error(text: str) -> None:
    with pytest.raises(jinja2.UndefinedError, match="host"):
        render_text(text, table={})


@pytest.mark.parametrize("value", [None, True, False])
def test_what_only_python_understands_is_never_printed(value: object) -> None:
    with pytest.raises(TypeError, match=f"a template would print {value}"):
        render_text("Compression {{ value }}", value=value)


def test_tests_and_defaults_may_still_be_none_or_true() -> None:
    text = "{% if a is none and b %}{{ a or 'none' }}{% endif %}"
    assert render_text(text, a=None, b=True) == "none"


def test_the_caller_brings_filters() -> None:
    def quote(text: str) -> str:
        return '"' + text.replace('"', '\\"') + '"'

    assert render_text("{{ x | quote }}", {"quote": quote}, x='a "b"') == '"a \\"b\\""'
    with pytest.raises(jinja2.TemplateAssertionError, match="quote"):
        render_text("{{ x | quote }}", x="a")


def test_every_folder_is_found() -> None:
    assert all(folder(name).is_dir() for name in FOLDERS)
    assert any(item.name.endswith(".j2") for item in folder("ssh_templates").iterdir())


def test_a_folder_of_the_wheel_comes_before_one_of_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "supervisor" / "ground2cloud"
    installed = package / "_data" / "ssh_templates"
    checkout = tmp_path / "ssh_templates"
    with pytest.raises(FileNotFoundError, match="no ssh_templates in this installation"):
        _find(package, "ssh_templates")
    checkout.mkdir()
    assert _find(package, "ssh_templates") == checkout
    installed.mkdir(parents=True)
    assert _find(package, "ssh_templates") == installed


def test_a_template_that_is_not_there_is_an_error() -> None:
    with pytest.raises(jinja2.TemplateNotFound, match="no-such-template"):
        render("no-such-template")


def test_a_real_template_is_rendered_from_its_folder() -> None:
    """It asks for values that are not given here: so it was found, and is strict."""
    with pytest.raises((jinja2.UndefinedError, jinja2.TemplateAssertionError)):
        render("ssh_config.j2")
