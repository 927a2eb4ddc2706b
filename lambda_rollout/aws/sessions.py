"""botocore's sessions, which read no more of a job's surroundings than they need.

All containers of a job share one HOME, /github/home, so any earlier step may have written a ``~/.aws/config`` there
that names other endpoints, or other data into ``~/.aws/models``. What the environment says is the workflow's own
word; a file is looked at only where nothing else has credentials.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping

import botocore.session
from botocore.loaders import Loader

from lambda_rollout.aws.clients import CONFIG
from lambda_rollout.aws.environment import ENDPOINTS, variables_in

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_NOWHERE = (None, None, None, None)
"""Where one of botocore's settings stands: in no file, in no variable; and it has no default."""
_FILES = ("profile", "config_file", "credentials_file")
_KEPT = frozenset({*ENDPOINTS, "AWS_CA_BUNDLE", "AWS_REGION", "AWS_DEFAULT_REGION"})
"""Without these a call would go somewhere else, or believe somebody else."""

_NOBODY = "none"
"""A key that nothing is signed with."""

SERVICES = ("cloudwatch", "codedeploy", "lambda", "logs", "sns", "sts")
"""botocore's names of the services that are called; the image holds the data of no other."""


def has_keys(environ: Mapping[str, str]) -> bool:
    """Whether the environment has an access key; an empty one is none."""
    return all(environ.get(name, "").strip() for name in KEYS)


def core_session(region: str, *, with_files: bool = False) -> botocore.session.Session:
    """Return a session for ``region``; only one ``with_files`` knows of profiles, and of what they say."""
    core = botocore.session.Session(
        session_vars={} if with_files else dict.fromkeys(_FILES, _NOWHERE)
    )
    core.register_component("data_loader", _OwnData())
    # STS in the same Region; boto3 would do so later.
    core.set_config_variable("region", region)
    return core


class _OwnData(Loader):
    """Knows AWS's services from botocore's own files, and neither from HOME nor from AWS_DATA_PATH."""

    def __init__(self) -> None:
        super().__init__(
            extra_search_paths=[self.BUILTIN_DATA_PATH], include_default_search_paths=False
        )

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - each has all
        """Return our own. To look for all makes botocore open the folders of 400 others, twice, before a client."""
        return list(SERVICES)


def drop_empty_settings(environ: MutableMapping[str, str]) -> None:
    """Take out of this process's environment what is set to nothing.

    In a workflow nothing can be unset: ``AWS_X: ${{ vars.X }}`` is empty where X is none, and
    aws-actions/configure-aws-credentials empties its variables, AWS_PROFILE among them, when a job ends. botocore
    would look for a profile without a name, or for a number in an empty text.
    """
    for name in [name for name, value in environ.items() if not value]:
        if name.startswith("AWS_") or name == "REQUESTS_CA_BUNDLE":
            del environ[name]


def drop_bad_settings(region: str, environ: MutableMapping[str, str]) -> list[str]:
    """Take out of this process's environment what no client can be made with; return the names.

    For who settles what was changed: to go without a setting is better than to go on trying with it. It says nothing of
    a setting that decides to whom a call goes.
    """
    dropped: list[str] = []
    while names := list(_bad_settings(region, environ)):
        for name in names:
            del environ[name]
        dropped += names
    return dropped


def _bad_settings(region: str, environ: Mapping[str, str]) -> Iterator[str]:
    core = core_session(region)
    try:
        if has_keys(environ):
            core.get_credentials()
        core.create_client(
            "lambda",
            region_name=region,
            config=CONFIG,
            aws_access_key_id=_NOBODY,
            aws_secret_access_key=_NOBODY,
        )
    except Exception as error:  # noqa: BLE001 - botocore has no kind of its own for it
        yield from (name for name in variables_in(error, environ) if name not in _KEPT)
