"""Take out of botocore's data what is not about the services that are called; the image is built with it.

``python prune_botocore.py DATA SERVICE ...``: ``DATA`` is the folder botocore/data, the services have botocore's names.
What stays says the same of them (tests/image/test_partitions.py): all Regions and partitions, and their endpoints.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

PREFIXES = {"cloudwatch": "monitoring"}
"""What endpoints.json calls a service, where that is not botocore's name."""


def prune(data: Path, services: Iterable[str]) -> None:
    """Remove other services' folders, and their endpoints, which botocore would read whole before its first client."""
    kept = set(services)
    for folder in data.iterdir():
        if folder.is_dir() and folder.name not in kept:
            shutil.rmtree(folder)
    prefixes = {PREFIXES.get(name, name) for name in kept}
    path = data / "endpoints.json"
    known = json.loads(path.read_bytes())
    for partition in known["partitions"]:
        found = partition["services"]
        partition["services"] = {name: found[name] for name in found if name in prefixes}
    path.write_text(json.dumps(known))


if __name__ == "__main__":
    prune(Path(sys.argv[1]), sys.argv[2:])
