"""The GitHub environment of the job, which no variable names.

The claims of the job's OIDC token do (`lambda_rollout.runtime.id_token`). The token is read for its claims and goes
nowhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from lambda_rollout.runtime.errors import RolloutError
from lambda_rollout.runtime.masking import Hide

COMMENT_AUDIENCE = "lambda-rollout"


def environment(environ: Mapping[str, str], hide: Hide) -> str:
    """Return its name; empty if the job has none, or if it cannot be known. Never raises.

    ``hide`` is told of the token.
    """
    # It brings urllib.request and all that that brings, which a mistake in the inputs is told without.
    from lambda_rollout.runtime.id_token import claim, claims_of, id_token

    try:
        return claim(claims_of(id_token(environ, COMMENT_AUDIENCE, hide)), "environment")
    except (RolloutError, ValueError):
        return ""
