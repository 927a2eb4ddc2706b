"""Code to deploy."""

from __future__ import annotations

import io
import zipfile


def package(code: str = "def handler(event, context): return 1") -> bytes:
    """A deployment package of one Python file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), code)
    return file.getvalue()
