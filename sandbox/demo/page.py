"""The rendered summaries: one HTML page that looks like GitHub's."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from pathlib import Path
from string import Template

import cmarkgfm
from cmarkgfm.cmark import Options

from sandbox.demo.comment import history
from sandbox.github import Comment
from sandbox.runner import Finished

HERE = Path(__file__).parent

_ALERT = re.compile(r"<blockquote>\s*<p>\[!(NOTE|TIP|IMPORTANT|WARNING|CAUTION)\]\s*(?:</p>)?")


def write_page(
    path: Path, jobs: Iterable[tuple[str, Finished]], comments: Iterable[Comment] = ()
) -> None:
    """Write a page with the comments on the pull request, and the summary and log of each job by title."""
    parts = [history(comment, rendered) for comment in comments]
    jobs_html = "\n".join([*parts, *(_job(title, finished) for title, finished in jobs)])
    page = Template((HERE / "page.html").read_text("utf-8"))
    css = (HERE / "page.css").read_text("utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.substitute(css=css, jobs=jobs_html), "utf-8")


def rendered(markdown: str) -> str:
    """Return GitHub's Markdown as HTML, with its alerts.

    Raw HTML passes, as the few tags do that GitHub allows: the text comes from our own report, which
    escapes what others wrote.
    """
    body: str = cmarkgfm.github_flavored_markdown_to_html(markdown, Options.CMARK_OPT_UNSAFE)
    return _ALERT.sub(
        lambda match: (
            f'<blockquote class="{match[1].lower()}"><p class="kind">{match[1].capitalize()}</p><p>'
        ),
        body,
    ).replace("<p></p>", "")


def _job(title: str, finished: Finished) -> str:
    outputs = "".join(
        f"<tr><td><code>{html.escape(name)}</code></td><td>{html.escape(value)}</td></tr>"
        for name, value in finished.outputs.items()
    )
    return f"""
<section>
  <header>{html.escape(title)} <span>summary of the job</span></header>
  <article>{rendered(finished.summary)}</article>
  <details><summary>Outputs</summary><article><table>{outputs}</table></article></details>
  <details><summary>Log</summary><pre>{html.escape(finished.shown)}</pre></details>
</section>"""
