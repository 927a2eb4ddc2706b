"""``python -m sandbox.aws``: serve a world on 127.0.0.1 until SIGINT or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from sandbox.aws.http import Server
from sandbox.aws.world import World
from sandbox.clock import RealClock


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.aws", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--seed", type=int, default=0, help="draws versions and ids")
    parser.add_argument("--port-file", type=Path, help="where to write the port once listening")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with Server(World(RealClock(), options.seed), options.port) as server:
        if options.port_file:
            written = options.port_file.with_suffix(".tmp")
            written.write_text(server.url.rpartition(":")[2])
            written.rename(options.port_file)
        print(f"AWS_ENDPOINT_URL={server.url}", flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
