"""Comments as one HTML page each, as GitHub would show them: its parser, its style sheet, its charts."""

from __future__ import annotations

import html
import re

import cmarkgfm
from cmarkgfm.cmark import Options

_ALERT = re.compile(
    r"<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\n?(.*?)</blockquote>", re.DOTALL
)
_CHART = re.compile(r'<pre lang="mermaid"><code>(.*?)</code></pre>', re.DOTALL)

FRAME = """<!doctype html>
<html lang="en" data-theme="{theme}"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{modules}/github-markdown-css/github-markdown-{theme}.css">
<style>
body {{ margin: 0; background: {background}; font-family: -apple-system, "Segoe UI", "Liberation Sans", sans-serif; }}
.comment {{ margin: 12px; border: 1px solid {border}; border-radius: 6px; max-width: 876px; overflow: hidden; }}
.by {{ padding: 8px 16px; background: {head}; border-bottom: 1px solid {border}; color: {quiet}; font-size: 14px; }}
.by b {{ color: {ink}; }}
.markdown-body {{ padding: 16px; font-size: 14px; font-family: inherit; }}
.markdown-body pre.mermaid {{ background: transparent; text-align: center; }}
</style></head><body>
<div class="comment"><div class="by"><b>github-actions</b> bot commented · edited</div>
<div class="markdown-body">{body}</div></div>
<script src="{modules}/mermaid/dist/mermaid.min.js"></script>
<script>
mermaid.initialize({{ startOnLoad: false, securityLevel: "strict", theme: "{chart}" }});
mermaid.run({{ querySelector: "pre.mermaid" }}).then(
  () => document.body.dataset.ready = "yes",
  (error) => document.body.dataset.ready = "chart: " + (error.message || error.str || error),
);
</script></body></html>
"""
COLOURS = {
    "light": {
        "background": "#ffffff",
        "border": "#d1d9e0",
        "head": "#f6f8fa",
        "quiet": "#59636e",
        "ink": "#1f2328",
        "chart": "default",
    },
    "dark": {
        "background": "#0d1117",
        "border": "#3d444d",
        "head": "#151b23",
        "quiet": "#9198a1",
        "ink": "#f0f6fc",
        "chart": "dark",
    },
}


def rendered(markdown: str) -> str:
    """Return the HTML of a comment, before GitHub looks for mentions and references in it."""
    found = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    found = _ALERT.sub(
        lambda m: (
            f'<div class="markdown-alert markdown-alert-{m[1].lower()}">'
            f'<p class="markdown-alert-title">{m[1].title()}</p><p>{m[2]}</div>'
        ),
        found,
    )
    return _CHART.sub(lambda m: f'<pre class="mermaid">{m[1]}</pre>', found)


def page(title: str, markdown: str, theme: str, modules: str) -> str:
    """Return a whole page that shows one comment."""
    return FRAME.format(
        title=html.escape(title),
        theme=theme,
        modules=modules,
        body=rendered(markdown),
        **COLOURS[theme],
    )
