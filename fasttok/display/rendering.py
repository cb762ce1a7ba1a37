"""`render`: fill in the HTML and SVG templates of notebooks with jinja2."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def render(name: str, **values: Any) -> str | None:
    """Return a template with values filled in; None if jinja2 is not installed.

    A notebook takes None as "not available", and shows the ``repr`` instead. All values are escaped.

    Examples
    --------
    >>> from fasttok.display.colours import prepare_tokens
    >>> shown = prepare_tokens(["<b>", "·a"])
    >>> print(render("tokens.html", shown=shown))
    <span class="ft-tokens" dir="ltr"><bdi>&lt;b&gt;</bdi><wbr><bdi>·a</bdi></span>
    """
    try:
        environment = _make_environment()
    except ImportError:
        return None
    return environment.get_template(name).render(values).rstrip("\n")


@cache
def _make_environment() -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("fasttok.display"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
