"""The inputs whose values are a few words; the words are those of ``action.yml``."""

from enum import StrEnum


class Preflight(StrEnum):
    """What findings are that would make the watch blind."""

    WARN = "warn"
    STRICT = "strict"


class Mode(StrEnum):
    """What to do with the alias."""

    ROLLOUT = "rollout"
    PLAN = "plan"
    PUBLISH = "publish"
    PROMOTE = "promote"
    ROLLBACK = "rollback"


class OnCancel(StrEnum):
    """What to do when the job is cancelled or times out."""

    ROLLBACK = "rollback"
    HOLD = "hold"


class OnStranded(StrEnum):
    """What to do with an alias that a dead run left split."""

    ROLLBACK = "rollback"
    RESUME = "resume"
    FAIL = "fail"


class Engine(StrEnum):
    """Who shifts the weights."""

    DIRECT = "direct"
    CODEDEPLOY = "codedeploy"


class Comment(StrEnum):
    """Whether to comment on the pull request."""

    AUTO = "auto"
    OFF = "off"


class Errors(StrEnum):
    """Whether the log of a version that was rolled back is read."""

    AUTO = "auto"
    OFF = "off"


class AlarmAtStart(StrEnum):
    """What an alarm means that is in ALARM before anything was shifted."""

    FAIL = "fail"
    WAIT = "wait"
    IGNORE_UNTIL_OK = "ignore-until-ok"


class InsufficientData(StrEnum):
    """What an alarm means that is in INSUFFICIENT_DATA at a step's last read."""

    IGNORE = "ignore"
    FAIL = "fail"


class HookStage(StrEnum):
    """When a hook is invoked."""

    BEFORE_TRAFFIC = "before-traffic"
    """Before the first write of an alias, and before one is created."""
    EACH_STEP = "each-step"
    """At the end of every step, before its verdict."""
    AFTER_TRAFFIC = "after-traffic"
    """After the watch at 100%."""
    ON_ROLLBACK = "on-rollback"
    """After every alias is back on its old version."""
