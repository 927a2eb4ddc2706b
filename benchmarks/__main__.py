"""Run benchmarks, print their tables, and write build/benchmarks.json.

``python -m benchmarks [--docs] [NAME ...]``: all benchmarks, or those named. ``--docs`` also puts the tables
between the marks ``<!-- benchmark NAME -->`` and ``<!-- end -->`` of the pages in docs/.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import benchmarks
from benchmarks.table import Row, markdown

ROOT = Path(__file__).resolve().parent.parent


def main(words: Sequence[str] | None = None) -> int:
    names = dict(_benchmarks())
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/")
    arguments = parser.parse_args(words)
    if unknown := set(arguments.names) - set(names):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    results: dict[str, object] = {}
    for name in arguments.names or names:
        began = time.perf_counter()
        rows: list[Row] = import_module(names[name]).run()
        seconds = time.perf_counter() - began
        tables = markdown(rows)
        print(f"# {name}, {seconds:.0f} s\n\n{tables}\n", flush=True)
        results[name] = {"seconds": round(seconds, 1), "rows": [row.as_json() for row in rows]}
        if arguments.docs:
            into_docs(name, tables, ROOT / "docs")
    path = ROOT / "build" / "benchmarks.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"python": platform.python_version(), **results}, indent=2) + "\n")
    print(f"Written to {path.relative_to(ROOT)}.")
    return 0


def _benchmarks() -> Iterator[tuple[str, str]]:
    for module in iter_modules(benchmarks.__path__, "benchmarks."):
        name = module.name.rpartition(".")[2]
        if name != "__main__" and hasattr(import_module(module.name), "run"):
            yield name, module.name


def into_docs(name: str, tables: str, docs: Path) -> None:
    """Put ``tables`` between the benchmark's marks, on every page that has them."""
    mark = re.compile(rf"(<!-- benchmark {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    for page in sorted(docs.glob("*.md")):
        text = page.read_text()
        page.write_text(mark.sub(lambda found: f"{found[1]}\n{tables}\n\n{found[2]}", text))


if __name__ == "__main__":
    sys.exit(main())
