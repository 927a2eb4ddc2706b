"""What of a job's environment and files a session heeds: no file where there are keys or a role, no empty variable."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from botocore.loaders import Loader

from lambda_rollout.aws.clients import Clients
from lambda_rollout.aws.credentials import Chain, session
from lambda_rollout.aws.sessions import core_session, drop_bad_settings, drop_empty_settings
from lambda_rollout.aws.web_identity import WebIdentity
from lambda_rollout.runtime.clock import Stop, SystemClock
from lambda_rollout.runtime.errors import RolloutError

REGION = "eu-central-1"
ROLE = "arn:aws:iam::123456789012:role/deploy"
ELSEWHERE = "https://collector.invalid"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "secret"}

CONFIG = f"""
[default]
endpoint_url = {ELSEWHERE}
services = elsewhere
ca_bundle = /nope
defaults_mode = nonsense
[services elsewhere]
sts =
  endpoint_url = {ELSEWHERE}
lambda =
  endpoint_url = {ELSEWHERE}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A HOME of the job in which an earlier step has written all that botocore looks for."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text(CONFIG)
    (tmp_path / ".aws/credentials").write_text("[default]\naws_access_key_id = AKIAFILE\n")
    return tmp_path


def given(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str]) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


def own() -> boto3.Session:
    return session(REGION, "", "lambda-rollout-1", {}, SystemClock(), Stop())


def host(client: BaseClient) -> str:
    return client.meta.endpoint_url


@pytest.mark.usefixtures("home")
def test_with_a_role_no_file_says_where_the_token_goes() -> None:
    sts = WebIdentity(ROLE, REGION, "lambda-rollout-1", {})._sts
    assert host(sts) == f"https://sts.{REGION}.amazonaws.com"


def test_nor_does_other_data_of_the_services(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # botocore has looked up HOME when it was imported.
    monkeypatch.setattr(Loader, "CUSTOMER_DATA_PATH", str(home / ".aws/models"))
    monkeypatch.setenv("AWS_DATA_PATH", str(home / ".aws/models"))
    rules = home / ".aws/models/sts/2011-06-15/endpoint-rule-set-1.json"
    rules.parent.mkdir(parents=True)
    away = {"conditions": [], "endpoint": {"url": ELSEWHERE}, "type": "endpoint"}
    rules.write_text(json.dumps({"version": "1.0", "parameters": {}, "rules": [away]}))
    loader = core_session(REGION).get_component("data_loader")
    assert not any(str(home) in path for path in loader.search_paths)
    sts = WebIdentity(ROLE, REGION, "lambda-rollout-1", {})._sts
    assert host(sts) == f"https://sts.{REGION}.amazonaws.com"
    assert loader.load_service_model("sts", "endpoint-rule-set-1")["parameters"]


@pytest.mark.usefixtures("home")
def test_the_environment_does(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:4566"})
    sts = WebIdentity(ROLE, REGION, "lambda-rollout-1", {})._sts
    assert host(sts) == "http://127.0.0.1:4566"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_PROFILE": ""},
        {"AWS_PROFILE": "nobody"},
        {"AWS_DEFAULT_PROFILE": "nobody"},
        {"AWS_CONFIG_FILE": "/nope"},
        {"AWS_CONFIG_FILE": __file__},
        {"AWS_SHARED_CREDENTIALS_FILE": __file__},
        {"AWS_DATA_PATH": "/nope"},
    ],
    ids=str,
)
def test_with_keys_no_profile_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    given(monkeypatch, {**KEYS, **environ})
    made = own()
    credentials = made.get_credentials()
    assert credentials is not None
    assert credentials.access_key == "AKIAENV"
    assert host(Clients(made, REGION).lambda_) == f"https://lambda.{REGION}.amazonaws.com"


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_without_a_name_is_none(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    keys = "aws_access_key_id = AKIADEFAULT\naws_secret_access_key = s"
    (home / ".aws/config").write_text(f"[default]\n{keys}\n")
    (home / ".aws/credentials").unlink()
    given(monkeypatch, {name: "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    made = own().get_credentials()
    assert made is not None
    assert made.access_key == "AKIADEFAULT"


SETTINGS = [
    "AWS_ACCOUNT_ID_ENDPOINT_MODE",
    "AWS_CA_BUNDLE",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULTS_MODE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_MAX_ATTEMPTS",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "AWS_METADATA_SERVICE_TIMEOUT",
    "AWS_REQUEST_CHECKSUM_CALCULATION",
    "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
    "AWS_RESPONSE_CHECKSUM_VALIDATION",
    "AWS_RETRY_MODE",
    "AWS_STS_REGIONAL_ENDPOINTS",
]


@pytest.mark.usefixtures("home")
def test_in_a_workflow_empty_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {**dict.fromkeys(SETTINGS, ""), **KEYS, "REQUESTS_CA_BUNDLE": ""})
    own().client("lambda")
    assert not [name for name in SETTINGS if name in os.environ]


FEW = ["AWS_CREDENTIAL_EXPIRATION", "AWS_DEFAULTS_MODE", "AWS_MAX_ATTEMPTS"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "name",
    [
        name if name in FEW else pytest.param(name, marks=pytest.mark.long)
        for name in SETTINGS
        if name != "AWS_CA_BUNDLE"
    ],
)
def test_who_settles_goes_without_a_setting_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given(monkeypatch, {**KEYS, name: "no such value"})
    assert drop_bad_settings(REGION, os.environ) in ([name], [])
    made = session(REGION, "", "lambda-rollout-1", {}, SystemClock(), Stop(), obeys=False)
    assert host(Clients(made, REGION).lambda_)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA"])
def test_but_not_without_one_that_decides_to_whom_a_call_goes(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given(monkeypatch, {**KEYS, name: "localhost:4566"})
    assert not drop_bad_settings(REGION, os.environ)
    assert os.environ[name] == "localhost:4566"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("value", "said"),
    [("2020-01-01T00:00:00Z", "still expired"), ("tomorrow week", "AWS_CREDENTIAL_EXPIRATION")],
)
def test_an_end_of_the_keys_that_is_over_or_none_is_told_as_that(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    given(monkeypatch, {**KEYS, "AWS_CREDENTIAL_EXPIRATION": value})
    with pytest.raises(RolloutError) as caught:
        Chain(REGION).issue()
    assert said in str(caught.value)
    assert "not AWS's answer" not in str(caught.value)


def test_only_empty_ones_are_dropped() -> None:
    environ = {"AWS_PROFILE": "", "AWS_REGION": "x", "REQUESTS_CA_BUNDLE": "", "HTTPS_PROXY": ""}
    drop_empty_settings(environ)
    assert environ == {"AWS_REGION": "x", "HTTPS_PROXY": ""}
