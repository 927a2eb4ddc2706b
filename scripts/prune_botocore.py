"""Take out of botocore's data what is not about the services that are called; the image is built with it.

``python prune_botocore.py DATA SERVICE ...``: ``DATA`` is the folder botocore/data, the services have botocore's names.
What stays says the same of them (tests/image/test_partitions.py): all Regions and partitions, and their endpoints.
The services' documentation goes, too: two thirds of what is read of each before its first call.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
    for path in data.glob("*/*/service-2.json.gz"):
        model = _without_documentation(json.loads(gzip.decompress(path.read_bytes())))
        # No time of its own: the same bytes from every build.
        path.write_bytes(gzip.compress(json.dumps(model).encode(), mtime=0))


def _without_documentation(value: Any) -> Any:
    """Leave out every text of that name; a member of that name is no text."""
    if isinstance(value, list):
        return [_without_documentation(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_documentation(each)
        for name, each in value.items()
        if not (name == "documentation" and isinstance(each, str))
    }


if __name__ == "__main__":
    prune(Path(sys.argv[1]), sys.argv[2:])
