"""``python -m sandbox.github --port 0 [--port-file F] [--repository O/R] [--pull N:SHA]``."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from sandbox.github import GitHub, PullRequest, Server


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="sandbox.github", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--repository", default="octo/shop")
    parser.add_argument("--pull", action="append", default=[], metavar="NUMBER:SHA")
    given = parser.parse_args()
    github = GitHub(given.repository)
    for each in given.pull:
        number, _, sha = each.partition(":")
        github.add_pull(PullRequest(int(number), sha))
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with Server(github, given.port) as server:
        if given.port_file:
            given.port_file.write_text(server.url.rpartition(":")[2])
        print(server.url, flush=True)
        done.wait()


if __name__ == "__main__":
    main()
