"""Operations on functions: create, update, read, delete."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_.code import Code
from sandbox.aws.lambda_.constraints import ROLE, check_length, check_pattern
from sandbox.aws.lambda_.managed import provider_of
from sandbox.aws.lambda_.naming import LATEST, is_number
from sandbox.aws.lambda_.region import (
    Answer,
    Params,
    check_revision,
    conflict,
    invalid,
)
from sandbox.aws.lambda_.things import Fate, Function, Version
from sandbox.aws.lambda_.versions import VersionOperations

LARGEST_ZIP = 52_428_800

# What a configuration holds, with AWS's defaults (API reference, CreateFunction).
DEFAULTS: dict[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "TracingConfig": {"Mode": "PassThrough"},
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None"},
}
SETTINGS = (
    *DEFAULTS,
    "Runtime",
    "Role",
    "Handler",
    "Environment",
    "DeadLetterConfig",
    "KMSKeyArn",
    "FileSystemConfigs",
    "CapacityProviderConfig",
    "DurableConfig",
    "LoggingConfig",
)
AT_CREATION_ONLY = ("TenancyConfig",)


class FunctionOperations(VersionOperations):
    """Operations on functions."""

    def create_function(self, params: Params) -> Answer:
        """CreateFunction; the function is Pending until the activation delay is over."""
        name, _ = self._resolve(params)
        check_pattern(params["Role"], "role", ROLE)
        check_length(params.get("Description", ""), "description", 256)
        if name in self.functions:
            raise conflict(f"Function already exist: {name}")
        code = self._code(params["Code"], params.get("PackageType", "Zip"))
        settings = copy.deepcopy(
            {**DEFAULTS, **{k: params[k] for k in (*SETTINGS, *AT_CREATION_ONLY) if k in params}}
        )
        now = self.clock.now()
        latest = Version(name, self._arn(name), LATEST, settings, code, self.revision_id(), now)
        latest.source_key = params["Code"].get("SourceKMSKeyArn", "")
        latest.reference = _reference(params["Code"])
        self.functions[name] = Function(name, self._arn(name), latest)
        # It serves nobody where AWS does not run it: "the bare ARN runs $LATEST.PUBLISHED".
        there = Fate("ActiveNonInvocable") if provider_of(latest) else Fate()
        self._later(self.activation_delay, partial(self._settle, latest, there))
        if params.get("Publish"):
            return self._publish(self.functions[name], None).answer()
        return latest.answer()

    def get_function(self, params: Params) -> Answer:
        """GetFunction."""
        version, _ = self._qualified(params)
        signed = "https://sandbox.invalid/code.zip?X-Amz-Signature=5ec7e7"
        code: Answer = {"RepositoryType": "S3", "Location": signed}
        if version.source_key:
            code["SourceKMSKeyArn"] = version.source_key
        if version.reference:
            names = ("S3Bucket", "S3Key", "S3ObjectVersion")
            code["ResolvedS3Object"] = dict(zip(names, version.reference, strict=True))
            if not self.sources.has(*version.reference):
                code["Error"] = {"ErrorCode": "NoSuchKey", "Message": "The object is gone."}
        return {"Configuration": self.get_function_configuration(params), "Code": code}

    def lose_object(self, bucket: str, key: str, version: str) -> None:
        """Delete an object of S3: "if the object is gone, the version becomes Inactive"."""
        self.sources.remove(bucket, key, version)
        for function in self.functions.values():
            for each in function.published.values():
                if each.reference == (bucket, key, version):
                    self._settle(each, Fate("Inactive", "The object in S3 is gone."))

    def get_function_configuration(self, params: Params) -> Answer:
        """GetFunctionConfiguration, of a version, an alias or ``$LATEST``."""
        version, arn = self._qualified(params)
        return version.answer(arn)

    def update_function_code(self, params: Params) -> Answer:
        """UpdateFunctionCode; the same bytes again are an update like any other."""
        function = self._function(params)
        check_revision(params.get("RevisionId"), function.latest.revision_id)
        self._check_idle(function)
        code = self._code(params, function.latest.settings["PackageType"])
        reference = _reference(params)
        if params.get("DryRun"):
            return function.latest.answer()
        function.latest.code = code
        # AWS's own key and a copy, where nothing else is said (API reference).
        function.latest.source_key = params.get("SourceKMSKeyArn", "")
        function.latest.reference = reference
        # Not what it was, but x86_64, where none is named (API reference, UpdateFunctionCode).
        architectures = params.get("Architectures") or DEFAULTS["Architectures"]
        function.latest.settings["Architectures"] = list(architectures)
        self._begin_update(function)
        if params.get("Publish"):
            return self._publish(function, None).answer()
        return function.latest.answer()

    def update_function_configuration(self, params: Params) -> Answer:
        """UpdateFunctionConfiguration."""
        function = self._function(params)
        check_length(params.get("Description", ""), "description", 256)
        if "Role" in params:
            check_pattern(params["Role"], "role", ROLE)
        check_revision(params.get("RevisionId"), function.latest.revision_id)
        self._check_idle(function)
        changes = {k: copy.deepcopy(params[k]) for k in SETTINGS if k in params}
        function.latest.settings.update(changes)
        self._begin_update(function)
        return function.latest.answer()

    def delete_function(self, params: Params) -> Answer:
        """DeleteFunction: the function, or one version that no alias points at."""
        _, qualifier = self._resolve(params)
        function = self._function(params)
        if qualifier is None:
            del self.functions[function.name]
            return {"StatusCode": 204}
        if qualifier == LATEST:
            raise invalid("$LATEST version cannot be deleted without deleting the function.")
        if not is_number(qualifier):
            raise invalid("Deletion of aliases is not currently supported.")
        users = [a.name for a in function.aliases.values() if qualifier in {a.version, *a.weights}]
        if users:
            raise conflict(
                "Unable to delete version because the following aliases reference it: "
                f"[{', '.join(users)}]"
            )
        function.published.pop(qualifier, None)
        return {"StatusCode": 204}

    def _code(self, params: Params, package_type: str) -> Code:
        if package_type == "Image" and "ImageUri" not in params:
            raise invalid(
                "Please provide ImageUri when updating a function with packageType Image."
            )
        if package_type == "Zip" and "ImageUri" in params:
            raise invalid(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        if "ImageUri" in params:
            return self.sources.image(params["ImageUri"])
        if "S3Bucket" in params:
            place = (params["S3Bucket"], params.get("S3Key", ""))
            code = self.sources.object(*place, params.get("S3ObjectVersion"))
        else:
            code = _zip(params)
        code.check()
        return code

    def _begin_update(self, function: Function) -> None:
        latest = function.latest
        latest.update_status = "InProgress"
        latest.last_modified = self.clock.now()
        latest.revision_id = self.revision_id()
        self._later(self.update_delay, partial(self._end_update, latest))

    def _end_update(self, latest: Version) -> None:
        latest.update_status = "Successful"
        latest.revision_id = self.revision_id()


def _reference(params: Params) -> tuple[str, str, str] | None:
    """The object that code is kept in by reference; None for a copy."""
    if params.get("S3ObjectStorageMode", "COPY") != "REFERENCE":
        return None
    if not params.get("S3ObjectVersion"):
        raise invalid("S3ObjectVersion is required when S3ObjectStorageMode is REFERENCE.")
    return (params["S3Bucket"], params["S3Key"], params["S3ObjectVersion"])


def _zip(params: Params) -> Code:
    if len(params["ZipFile"]) > LARGEST_ZIP:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Zipped size must be smaller than {LARGEST_ZIP} bytes",
            413,
        )
    return Code(params["ZipFile"])
