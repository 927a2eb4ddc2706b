"""Deployment packages: zip files of Python modules, run in this very process.

Each package has modules of its own, so two versions of a function never share any; it
is no security boundary. `time.sleep` in a package is counted as duration and not
waited, so a slow function slows nobody but its metrics.
"""

from __future__ import annotations

import base64
import builtins
import hashlib
import importlib.util
import io
import time
import types
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sandbox.aws.errors import AwsError

Handler = Callable[[Any, Any], Any]
Services = Callable[[str, str, dict[str, Any]], dict[str, Any]]
"""AWS, as a function calls it: service, operation, parameters."""


def zip_of(source: str, module: str = "index") -> bytes:
    """A deployment package of one module, the same bytes for the same source."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"{module}.py", (1980, 1, 1, 0, 0, 0)), source)
    return buffer.getvalue()


@dataclass
class Code:
    """A deployment package. slept: seconds that its `time.sleep` was asked for, ever. printed: by its last run.

    services: what its `boto3` calls; None for none.
    """

    data: bytes
    slept: float = 0.0
    printed: list[str] = field(default_factory=list)
    services: Services | None = None
    _modules: dict[str, types.ModuleType] = field(default_factory=dict)

    @cached_property
    def sha256(self) -> str:
        """Base64 of the package's SHA-256, as CodeSha256 shows it."""
        return base64.b64encode(hashlib.sha256(self.data).digest()).decode()

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def load(self, handler: str) -> Handler:
        """The function that `handler` (``module.function``) names.

        Raises whatever importing it raises, as a function error of the invocation.
        """
        module, _, name = handler.rpartition(".")
        found: Handler = getattr(self._module(module.replace("/", ".")), name)
        return found

    @cached_property
    def _sources(self) -> dict[str, tuple[str, bytes]]:
        """Module name -> file name and source."""
        try:
            archive = zipfile.ZipFile(io.BytesIO(self.data))
        except zipfile.BadZipFile as error:
            raise AwsError(
                "InvalidParameterValueException",
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            ) from error
        return {
            name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): (
                name,
                archive.read(name),
            )
            for name in archive.namelist()
            if name.endswith(".py")
        }

    def check(self) -> None:
        """Refuse bytes that are no zip file, as AWS does."""
        _ = self._sources

    def _module(self, name: str) -> types.ModuleType:
        if name not in self._modules:
            if name not in self._sources:
                raise ModuleNotFoundError(
                    f"Unable to import module '{name}': No module named '{name}'"
                )
            path, source = self._sources[name]
            module = types.ModuleType(name)
            is_package = path.endswith("__init__.py")
            module.__package__ = name if is_package else name.rpartition(".")[0]
            module.__dict__["__builtins__"] = {
                **vars(builtins),
                "__import__": self._import,
                "print": self._print,
            }
            self._modules[name] = module
            exec(compile(source, f"/var/task/{path}", "exec"), module.__dict__)
            parent, _, child = name.rpartition(".")
            if parent in self._sources:
                setattr(self._module(parent), child, module)
        return self._modules[name]

    def _print(self, *values: Any, sep: str = " ", end: str = "\n", **_: Any) -> None:
        """``print`` for code in the package: into the function's log."""
        self.printed.append(sep.join(map(str, values)) + end)

    def _import(
        self,
        name: str,
        globals_: dict[str, Any] | None = None,
        locals_: dict[str, Any] | None = None,
        fromlist: tuple[str, ...] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        """``__import__`` for code in the package: its own modules come first."""
        if level:
            package = (globals_ or {}).get("__package__", "")
            name = importlib.util.resolve_name("." * level + name, package)
        if name == "time":
            return self._time
        if name == "boto3":
            return self._boto3
        if name.partition(".")[0] not in self._sources:
            return builtins.__import__(name, globals_, locals_, fromlist or (), 0)
        module = self._module(name)
        for item in fromlist or ():
            if f"{name}.{item}" in self._sources:
                self._module(f"{name}.{item}")
        return module if fromlist else self._module(name.partition(".")[0])

    @cached_property
    def _time(self) -> types.ModuleType:
        """The module `time`, with a `sleep` that only counts."""

        def sleep(seconds: float) -> None:
            self.slept += seconds

        module = types.ModuleType("time")
        module.__dict__.update(vars(time), sleep=sleep)
        return module

    @cached_property
    def _boto3(self) -> types.ModuleType:
        """The module `boto3`, whose clients call the account that the function is in."""
        module = types.ModuleType("boto3")
        module.__dict__["client"] = lambda service, **_: _Client(self, service)
        return module


@dataclass(frozen=True)
class _Client:
    code: Code
    service: str

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(map(str.capitalize, name.split("_")))
        services = self.code.services
        assert services is not None
        return lambda **params: services(self.service, operation, params)
