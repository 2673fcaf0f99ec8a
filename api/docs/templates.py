"""Templates and Markdown of the pages, imported by the first page that is rendered."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from api.docs.examples import PAGES_FOLDER

# Only texts of this project become Markup, which is not escaped: no value of a request does.
_MARKDOWN = MarkdownIt("commonmark").enable("table")


def render_markdown(text: str) -> str:
    html: str = _MARKDOWN.render(text)
    return html


def _render_inline(text: str) -> Markup:
    return Markup(_MARKDOWN.renderInline(text))  # nosec B704


def _render_blocks(text: str) -> Markup:
    return Markup(render_markdown(text))  # nosec B704


_PAGES = Environment(
    loader=FileSystemLoader(PAGES_FOLDER), autoescape=True, undefined=StrictUndefined
)
_PAGES.filters.update(markdown=_render_inline, markdown_blocks=_render_blocks)


def render_template(template: str, **values: Any) -> bytes:
    """Return a page of the folder, with its links relative to `root`."""
    page = _PAGES.get_template(template).render(**values)
    return page.replace('href="/', f'href="{values["root"]}').encode()  # links within texts
