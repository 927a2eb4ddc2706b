"""How long calls can still be signed, and when it is too late to wait for newer credentials. Pure.

A role's credentials last an hour, and are renewed after half of it; GitHub gives tokens for that during about six hours
(https://docs.github.com/en/actions/reference/security/oidc). Once they have ended nothing can be read, and nothing
rolled back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

UNRENEWED_LIMIT = 8 * 60.0
"""Seconds that must be left of credentials whose renewal fails: a rollback is tried for 5 minutes, and then told."""

LAST_LIMIT = 2 * 60.0
"""Seconds that must be left in any case: a source may answer and have nothing newer, such as variables that somebody
set. A machine has newer ones at least 5 minutes before the end
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html)."""

UNRENEWED_SHARE, LAST_SHARE = 1 / 3, 1 / 12
"""Of their whole life, if that is less: they are renewed after half of it, and a try that fails has to be repeated."""


@dataclass(frozen=True, slots=True)
class CredentialsLife:
    """What is known of the credentials that calls are signed with. Moments are monotonic seconds."""

    ends_at: float = math.inf
    """From when on nothing can be signed with them; infinite for those that do not end, or whose end nobody can see."""
    lifetime: float = math.inf
    """Seconds that they lasted when they were new."""
    failure: str = ""
    """Why the newest renewal failed, in one line; empty if it did not."""

    @property
    def act_at(self) -> float:
        """From when on it is too late to wait for newer ones: what needs a signature is to be done now."""
        if self.failure:
            return self.ends_at - min(UNRENEWED_LIMIT, UNRENEWED_SHARE * self.lifetime)
        return self.ends_at - min(LAST_LIMIT, LAST_SHARE * self.lifetime)
