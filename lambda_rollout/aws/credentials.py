"""Credentials for as long as the rollout lasts: the job's own, or an IAM role's through GitHub's OIDC token.

Both are renewed in the background (`lambda_rollout.aws.renewal`); for the role see `lambda_rollout.aws.web_identity`.
"""

from __future__ import annotations

import bisect
import os
from collections.abc import Callable, Mapping
from datetime import timedelta

import boto3
from botocore import exceptions as boto
from botocore.credentials import CredentialProvider, Credentials, RefreshableCredentials
from tenacity import RetryCallState, Retrying

from lambda_rollout.aws.calls import translating_errors
from lambda_rollout.aws.environment import check_environment, flaw, misconfigured, variables_in
from lambda_rollout.aws.renewal import GET_CREDENTIALS, Issued, RenewedCredentials
from lambda_rollout.aws.sessions import core_session, drop_empty_settings, has_keys
from lambda_rollout.runtime.clock import Clock, Stop
from lambda_rollout.runtime.errors import (
    Busy,
    CallFailed,
    InvalidRequest,
    Refused,
    RolloutError,
    Unanswered,
)
from lambda_rollout.runtime.masking import Hide, hide_nothing
from lambda_rollout.runtime.retry import UNREACHABLE_LIMIT, retrying

ENVIRONMENT = "env"
"""botocore's name for the source of keys that were issued to the job, not to us: whoever set them has them hidden."""

MISTAKES = (
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.ProfileNotFound,
    boto.UnknownCredentialError,
)
"""What no source answers differently the next time."""

FILES = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)
"""Of a token file, or of the command of a ``credential_process``."""

CONTAINER_REMEDY = (
    "An action in a container sees the workspace and no other file of the runner: use aws-actions/configure-aws-"
    "credentials in a step before, or `role-to-assume`."
)
TRIED_AGAIN = "It is tried again for a while, since what was changed a moment ago is not known everywhere yet:"
OWN_REMEDY = (
    "Run aws-actions/configure-aws-credentials in a step before, or set `role-to-assume`; on a runner of your own check "
    "its AWS profile, `credential_process` or web identity token file."
)


class Chain:
    """The credentials that botocore finds by itself: the environment's, a profile's, a token file's, a machine's."""

    LONGEST = 7 * 24 * 3600
    """Seconds; nobody issues credentials that last longer."""

    def __init__(self, region: str, *, settles: bool = False, hide: Hide = hide_nothing) -> None:
        """Ask nobody yet. Who ``settles`` what was changed is told of nothing that it need not be tried again."""
        self._region = region
        self._settles = settles
        self._hide = hide
        self.with_files = not has_keys(os.environ)
        """Whether profiles are looked at: only where the environment has no keys."""
        self.core = core_session(region, with_files=self.with_files)
        """A session that has found what `issue` returned first."""
        self._asked = False

    def issue(self) -> Issued:
        """Look for them anew, past whatever botocore keeps. Raises `RolloutError` if there are none, `CallFailed`.

        With a session of its own each time: one whose source hangs is locked until that ends.
        """
        core = self.core
        if self._asked:
            core = core_session(self._region, with_files=self.with_files)
        self._asked = True
        with translating_errors(GET_CREDENTIALS):
            try:
                return self._issued(core.get_credentials())
            except MISTAKES as error:
                raise RolloutError(f"no AWS credentials: {error}.", OWN_REMEDY) from error
            except FILES as error:
                if self._settles:
                    raise
                what = f"no AWS credentials: {error.filename}: {error.strerror}."
                raise RolloutError(what, CONTAINER_REMEDY) from error
            except ValueError as error:
                if variables_in(error, os.environ) and not self._settles:
                    raise misconfigured(error, os.environ) from error
                raise Unanswered(GET_CREDENTIALS, type(error).__name__, str(error)) from error
            except boto.ClientError as error:
                with translating_errors(error.operation_name):
                    raise
            except (boto.BotoCoreError, OSError, RolloutError):
                raise
            except Exception as error:
                # Nobody has answered: botocore found something in a file or a variable that it cannot read.
                raise Unanswered(GET_CREDENTIALS, type(error).__name__, str(error)) from error

    def _issued(self, found: Credentials | None) -> Issued:
        if found is None:
            raise boto.NoCredentialsError
        lasts = None
        if isinstance(found, RefreshableCredentials):
            needed = found.refresh_needed
            # These are good until their end: when to ask for others is decided elsewhere.
            found.refresh_needed = lambda refresh_in=None: needed(0)  # type: ignore[method-assign]  # noqa: ARG005
            found.get_frozen_credentials()
            # It does not tell when they end, but whether they do within so many seconds.
            within = bisect.bisect_left(range(self.LONGEST), True, key=needed)
            lasts = timedelta(seconds=max(within - 1, 0))
        frozen = found.get_frozen_credentials()
        key, secret = frozen.access_key, frozen.secret_key
        if key is None or secret is None:
            raise boto.NoCredentialsError
        for name, value in (("key", key), ("secret key", secret), ("token", frozen.token or "")):
            if what := flaw(value):
                raise RolloutError(
                    f"no AWS credentials: the {name} of {found.method} {what}.", OWN_REMEDY
                )
        issued = Issued(key, secret, frozen.token, lasts)
        if found.method != ENVIRONMENT:
            self._hide(*issued.secrets)
        return issued


def _bundle_of_profile(region: str) -> str:
    """Return the AWS profile's ``ca_bundle``; empty if it names none, or cannot be read, of which others tell."""
    try:
        core = core_session(region, with_files=True)
        return str(core.get_scoped_config().get("ca_bundle", ""))
    except boto.BotoCoreError:
        return ""


class _Provider(CredentialProvider):
    """Hands the credentials to botocore, before every other source."""

    METHOD = "lambda-rollout"
    CANONICAL_NAME = None

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def asking(clock: Clock, stop: Stop | None, settles_within: float | None = None) -> Retrying:
    """Return what asks for the first credentials as often as it makes sense.

    Before anything was changed, a refusal of STS is believed after `REFUSED_LIMIT` seconds: a role or a trust policy
    made a moment ago is not known everywhere yet, and where GitHub's key could not be fetched, AWS itself says to try
    again. Who has ``settles_within`` seconds to put right what was changed asks as long as that, whatever is answered.
    """
    if settles_within is not None:
        return retrying(clock, stop, settles_within, repeat=CallFailed, expired=None)
    return retrying(
        clock, stop, repeat=_may_pass, unreachable=UNREACHABLE_LIMIT, is_refusal=_is_refusal
    )


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, Busy | Unanswered) or _is_refusal(error)


def _is_refusal(error: BaseException | None) -> bool:
    """Whether it is STS that says no, and not that the request is wrong whoever sends it."""
    if not isinstance(error, CallFailed) or not error.operation.startswith("AssumeRole"):
        return False
    refused = isinstance(error, Refused) and not isinstance(error, InvalidRequest)
    # GitHub's key, which STS could not fetch.
    return refused or error.code == "InvalidIdentityToken"


def telling_refusals(patient: Retrying, role: str, warn: Callable[[str], None]) -> Retrying:
    """Have each refusal of STS told at its first answer, with its remedy, before it is waited whether it passes.

    ``role`` is the ARN of the role that is asked for, empty for the job's own credentials.
    """
    before = patient.before_sleep
    told: set[str] = set()

    def tell(state: RetryCallState) -> None:
        if before is not None:
            before(state)
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, CallFailed) and _is_refusal(error) and error.what not in told:
            told.add(error.what)
            warn(f"{TRIED_AGAIN} {_without_credentials(error, role)}")

    return patient.copy(before_sleep=tell)


def session(  # noqa: PLR0913 - all that credentials depend on
    region: str,
    role: str,
    session_name: str,
    environ: Mapping[str, str],
    clock: Clock,
    stop: Stop,
    patient: Retrying | None = None,
    *,
    obeys: bool = True,
    hide: Hide = hide_nothing,
) -> boto3.Session:
    """Return a session with the environment's credentials, or with ``role``'s if one is named.

    ``stop`` ends the renewals, and the wait for the first ones if it ``obeys``. ``patient`` asks for the first ones as
    often as it thinks fit; the default is `asking`. ``hide`` is told of every secret that is issued, now and at each
    renewal. Raises `RolloutError` if there are none, or the role cannot be assumed, or what the environment says cannot
    work: before anything is changed.
    """
    drop_empty_settings(os.environ)
    if obeys:
        # Who settles what was changed goes on trying, whatever may be wrong.
        bundle = "" if role or has_keys(os.environ) else _bundle_of_profile(region)
        check_environment(os.environ, own_credentials=not role, profile_bundle=bundle)
    patient = patient or asking(clock, stop)
    until = stop if obeys else Stop()
    if not role:
        chain = Chain(region, settles=not obeys, hide=hide)
        credentials = RenewedCredentials(chain.issue, clock, "lambda-rollout")
        try:
            patient(credentials.first, until)
        except CallFailed as error:
            raise _without_credentials(error, role) from error
        if credentials.last:
            return boto3.Session(botocore_session=chain.core, region_name=region)
        return _renewed(credentials, region, stop, with_files=chain.with_files)
    from lambda_rollout.aws.web_identity import WebIdentity
    from lambda_rollout.runtime.id_token import NoPermission

    try:
        identity = WebIdentity(role, region, session_name, environ, hide)
    except Exception as error:
        raise misconfigured(error, os.environ) from error
    credentials = RenewedCredentials(identity.issue, clock, "web-identity")
    try:
        patient(credentials.first, until)
    except CallFailed as error:
        raise _without_credentials(error, role) from error
    except NoPermission as error:
        raise RolloutError(f"role-to-assume: {role}: {error.what}", error.remedy) from error
    return _renewed(credentials, region, stop)


def _renewed(
    credentials: RenewedCredentials, region: str, stop: Stop, *, with_files: bool = False
) -> boto3.Session:
    credentials.keep_fresh(stop)
    core = core_session(region, with_files=with_files)
    core.get_component("credential_provider").providers.insert(0, _Provider(credentials))
    core.register("after-call", credentials.heed)
    return boto3.Session(botocore_session=core, region_name=region)


def _without_credentials(error: CallFailed, role: str) -> RolloutError:
    if not role:
        return RolloutError(f"no AWS credentials: {error.what}", error.remedy or OWN_REMEDY)
    from lambda_rollout.aws.web_identity import remedy_for_role

    what = f"role-to-assume: {role} could not be assumed: {error.what}"
    return RolloutError(what, remedy_for_role(error, role))
