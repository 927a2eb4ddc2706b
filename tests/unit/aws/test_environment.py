"""What in the environment no waiting mends: said at once, with the variable's name, and without its secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import botocore.session
import certifi
import pytest

from lambda_rollout.aws.environment import check_environment, flaw, misconfigured, variables_in
from lambda_rollout.runtime.errors import RolloutError

GOOD = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "abc/+="}


def refused(environ: Mapping[str, str], *, own_credentials: bool = True) -> RolloutError:
    with pytest.raises(RolloutError) as caught:
        check_environment({**GOOD, **environ}, own_credentials=own_credentials)
    return caught.value


def passes(environ: Mapping[str, str], *, own_credentials: bool = True) -> None:
    check_environment({**GOOD, **environ}, own_credentials=own_credentials)


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_a_bundle_that_no_container_has_is_named_with_where_to_put_it(
    name: str, tmp_path: Path
) -> None:
    error = refused({name: "/etc/ssl/corporate.pem"})
    assert error.what == f"{name}: '/etc/ssl/corporate.pem': No such file or directory."
    assert f"set {name} to /github/workspace/FILE" in error.remedy
    assert "Is a directory" in refused({name: str(tmp_path)}).what
    (tmp_path / "bundle.pem").write_text("no certificate")
    assert "holds no certificates" in refused({name: str(tmp_path / "bundle.pem")}).what
    passes({name: certifi.where()})


def test_so_is_a_profile_s_bundle_unless_the_environment_has_one() -> None:
    with pytest.raises(RolloutError, match=r"^ca_bundle: '/nope': No such file"):
        check_environment(GOOD, own_credentials=True, profile_bundle="/nope")
    named = {"AWS_CA_BUNDLE": certifi.where()}
    check_environment({**GOOD, **named}, own_credentials=True, profile_bundle="/nope")


def test_a_bundle_that_nobody_uses_is_no_problem() -> None:
    passes({"AWS_CA_BUNDLE": "/nope", "AWS_ENDPOINT_URL": "http://127.0.0.1:4566"})
    passes({"AWS_CA_BUNDLE": certifi.where(), "REQUESTS_CA_BUNDLE": "/nope"})


@pytest.mark.parametrize(
    "url", ["localhost:4566", "localhost", "ftp://host", "http://a b", "https://", "http://h:port"]
)
def test_an_endpoint_without_a_scheme_is_no_url(url: str) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA"):
        error = refused({name: url})
        assert error.what == f"{name} is no URL: {url!r}."
        assert "https://HOST" in error.remedy
        passes({name: url, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})


@pytest.mark.parametrize(
    "url", ["", "http://127.0.0.1:4566", "https://vpce-1.lambda.eu-central-1.vpce.amazonaws.com"]
)
def test_an_endpoint_is_a_url(url: str) -> None:
    passes({"AWS_ENDPOINT_URL": url, "AWS_ENDPOINT_URL_STS": url})


@pytest.mark.parametrize(
    ("url", "usable"), [("proxy:3128", True), ("", True), ("proxy:abc", False)]
)
def test_a_proxy_that_is_no_url_is_named_without_its_password(url: str, usable: bool) -> None:
    if usable:
        passes({"HTTPS_PROXY": url})
    else:
        assert refused({"HTTPS_PROXY": f"http://octo:hunter2@{url}"}).what == (
            "HTTPS_PROXY is no URL of a proxy."
        )
        passes({"HTTPS_PROXY": url, "NO_PROXY": ".amazonaws.com"})


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("abc\n", "has a newline at an end"),
        ("ab\r\nc", "has a newline in it"),
        (" abc", "has a blank at an end"),
        ("a\u00a0c", "has a blank in it"),
        ("a\x00c", "has a character that is in no key"),
        (" \n", "holds nothing but blanks"),
        ("", ""),
        ("wJalrXUtnFEMI/K7MDENG+bPxRfiCY=", ""),
    ],
)
def test_what_is_wrong_with_a_key(key: str, what: str) -> None:
    assert flaw(key) == what


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
)
def test_a_key_with_a_newline_is_told_by_the_name_of_its_variable_alone(name: str) -> None:
    error = refused({name: "hunter2\n"})
    assert error.what == f"{name} has a newline at an end."
    assert "hunter2" not in str(error)
    # A role's are used then.
    passes({name: "hunter2\n"}, own_credentials=False)


def test_a_token_file_that_no_container_has() -> None:
    emptied = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
        error = refused({**emptied, name: "/var/run/token"})
        assert error.what == f"{name}: there is no file '/var/run/token'."
        passes({name: "/var/run/token"})
        passes({**emptied, name: "/var/run/token"}, own_credentials=False)
        passes({**emptied, name: __file__})


def test_all_that_is_wrong_is_told_together() -> None:
    error = refused({"AWS_ENDPOINT_URL": "localhost", "AWS_SESSION_TOKEN": "x\n"})
    assert (
        error.what
        == "AWS_ENDPOINT_URL is no URL: 'localhost'; AWS_SESSION_TOKEN has a newline at an end."
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_DEFAULTS_MODE", "fast"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "never"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "of course"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "here"),
        ("AWS_CA_BUNDLE", " "),
    ],
)
def test_a_bad_value_is_told_by_the_variable_s_name(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    core = botocore.session.Session()
    with pytest.raises(Exception, match=r"nvalid|Unsupported") as caught:
        core.create_client("lambda", region_name="eu-central-1")
    secret = {"AWS_SECRET_ACCESS_KEY": value}
    assert variables_in(caught.value, {name: value, **secret}) == [name]
    error = misconfigured(caught.value, {name: value, **secret})
    assert error.what.startswith(f"AWS cannot be called with this environment ({name}): ")
    assert "take it out of the job's environment" in error.remedy


def test_what_is_none_of_these_points_at_all_of_them() -> None:
    assert "AWS profile" in misconfigured(ValueError("what?"), GOOD).remedy
