"""Whether hooks can be invoked, and by whom."""

from __future__ import annotations

from lambda_rollout.inputs.hooks import Hook, parse_hooks
from lambda_rollout.preflight.facts import HookFacts, Unread
from lambda_rollout.preflight.finding import Code, Finding, Level
from tests.support.preflight_facts import facts, found, only

[HOOK] = parse_hooks("each-step: check-orders:live")
[CODEDEPLOYS] = parse_hooks("before-traffic: CodeDeployHook_check")
MISSING = Unread(
    "lambda:InvokeFunction", "Invoke: ResourceNotFoundException: no", denied=False, refused=True
)
DENIED = Unread("lambda:InvokeFunction", "Invoke: AccessDeniedException: no")
BUSY = Unread("lambda:InvokeFunction", "Invoke: ServiceException: no", denied=False)


def finding(tried: Unread | None, hook: Hook = HOOK, *, by_codedeploy: bool = False) -> Finding:
    return only(facts(hooks=(HookFacts(hook, tried, by_codedeploy=by_codedeploy),)))


def test_a_hook_that_can_be_invoked_is_no_finding() -> None:
    assert found(facts(hooks=(HookFacts(HOOK, None),))) == []


def test_a_missing_one_is_an_error() -> None:
    told = finding(MISSING)
    assert (told.level, told.code) == (Level.ERROR, Code.HOOK_CANNOT_RUN)
    assert told.seen == (
        "each-step hook check-orders:live cannot be invoked. Invoke: ResourceNotFoundException: no"
    )


def test_a_missing_permission_is_an_error() -> None:
    told = finding(DENIED)
    assert (told.level, told.code) == (Level.ERROR, Code.HOOK_NOT_ALLOWED)
    assert "lambda:InvokeFunction" in told.remedy


def test_without_an_answer_it_is_only_not_checked() -> None:
    told = finding(BUSY)
    assert (told.level, told.code) == (Level.NOTE, Code.NOT_CHECKED)


def test_codedeploys_hooks_need_no_permission_of_ours_but_a_name() -> None:
    told = finding(DENIED, CODEDEPLOYS, by_codedeploy=True)
    assert (told.level, told.code) == (Level.NOTE, Code.NOT_CHECKED)
    told = finding(MISSING, CODEDEPLOYS, by_codedeploy=True)
    assert (told.level, told.code) == (Level.ERROR, Code.HOOK_CANNOT_RUN)
    [other] = parse_hooks("after-traffic: 123456789012:function:check:live")
    told = finding(None, other, by_codedeploy=True)
    assert (told.level, told.code) == (Level.WARNING, Code.HOOK_NAME)
    assert found(facts(hooks=(HookFacts(CODEDEPLOYS, None, by_codedeploy=True),))) == []
