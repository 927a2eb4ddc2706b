"""What the image leaves out of botocore's data changes no call.

tests/image/test_partitions.py asks the image itself.
"""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import botocore
import pytest

from scripts.prune_botocore import prune

WHOLE = Path(botocore.__file__).parent / "data"
KEPT = ("lambda", "sts")


@pytest.fixture(scope="module")
def pruned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    for name in (*KEPT, "sqs"):
        shutil.copytree(WHOLE / name, data / name)
    shutil.copy(WHOLE / "endpoints.json", data)
    prune(data, KEPT)
    return data


def files(data: Path, service: str) -> dict[str, Any]:
    """Everything that is known of a service, by the file's name."""
    return {
        str(path.relative_to(data)): json.loads(
            gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        )
        for path in (data / service).rglob("*.json*")
    }


def without_texts(value: Any) -> Any:
    """The same without documentation, written another way than in the script."""
    if isinstance(value, dict):
        texts = {name for name, each in value.items() if isinstance(each, str)}
        return {name: without_texts(value[name]) for name in value.keys() - texts} | {
            name: value[name] for name in texts - {"documentation"}
        }
    return [without_texts(each) for each in value] if isinstance(value, list) else value


def test_other_services_are_left_out(pruned: Path) -> None:
    assert {folder.name for folder in pruned.iterdir() if folder.is_dir()} == set(KEPT)


@pytest.mark.parametrize("service", KEPT)
def test_a_service_is_the_same_but_for_its_documentation(pruned: Path, service: str) -> None:
    whole, kept = files(WHOLE, service), files(pruned, service)
    assert whole.keys() == kept.keys()
    changed = {name for name in whole if whole[name] != kept[name]}
    assert changed == {name for name in whole if name.endswith("service-2.json.gz")}
    assert [name for name in changed if kept[name] != without_texts(whole[name])] == []


def test_a_member_of_that_name_stays(tmp_path: Path) -> None:
    """As Lambda, or another service, may have one some day."""
    model = {"members": {"documentation": {"shape": "Text", "documentation": "says much"}}}
    folder = tmp_path / "some" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json.gz").write_bytes(gzip.compress(json.dumps(model).encode()))
    (tmp_path / "endpoints.json").write_text('{"partitions": []}')
    prune(tmp_path, ["some"])
    assert [*files(tmp_path, "some").values()] == [
        {"members": {"documentation": {"shape": "Text"}}}
    ]
