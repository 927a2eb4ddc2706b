"""The input ``hooks``: functions of the user's own, by stage."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rollout.inputs.choices import HookStage
from lambda_rollout.inputs.hooks import Hook, parse_hooks
from lambda_rollout.inputs.problems import InputErrors
from lambda_rollout.inputs.read import read_inputs, variable
from lambda_rollout.inputs.text import Mistakes

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:check-orders"
CODEDEPLOY = {
    "engine": "codedeploy",
    "codedeploy-application": "shop",
    "codedeploy-deployment-group": "prod",
}


def refused(**inputs: str) -> list[str]:
    given = {"function-name": "checkout", "aws-region": "eu-central-1", **inputs}
    with pytest.raises(InputErrors) as raised:
        read_inputs({variable(name): text for name, text in given.items()})
    return [str(problem) for problem in raised.value.problems]


def test_one_a_line() -> None:
    text = f"""
        before-traffic: migrate-schema

        each-step : check-orders:live
        each-step:check-stock:3
        after-traffic: 123456789012:function:check-all
        on-rollback: {ARN}:$LATEST
    """
    assert parse_hooks(text) == (
        Hook(HookStage.BEFORE_TRAFFIC, "migrate-schema"),
        Hook(HookStage.EACH_STEP, "check-orders:live"),
        Hook(HookStage.EACH_STEP, "check-stock:3"),
        Hook(HookStage.AFTER_TRAFFIC, "123456789012:function:check-all"),
        Hook(HookStage.ON_ROLLBACK, f"{ARN}:$LATEST"),
    )


@pytest.mark.parametrize("text", ["", " ", "\n\r\n"])
def test_nothing_is_no_hook(text: str) -> None:
    assert parse_hooks(text) == ()


@pytest.mark.parametrize(
    ("function", "name", "region"),
    [
        ("check-orders", "check-orders", None),
        ("check-orders:live", "check-orders", None),
        ("123456789012:function:check-orders:3", "check-orders", None),
        (ARN, "check-orders", "eu-central-1"),
        (f"{ARN}:live", "check-orders", "eu-central-1"),
        ("function:live", "function", None),
        ("fn:function", "fn", None),
    ],
)
def test_name_and_region(function: str, name: str, region: str | None) -> None:
    hook = Hook(HookStage.EACH_STEP, function)
    assert (hook.name, hook.region) == (name, region)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "check-orders",
            (
                "hooks: got 'check-orders'. Write STAGE: FUNCTION, with one of before-traffic, each-step, "
                "after-traffic, on-rollback as STAGE."
            ),
        ),
        (
            "sometimes: check-orders",
            (
                "hooks: got 'sometimes: check-orders'. 'sometimes' is no stage of a rollout: write one of "
                "before-traffic, each-step, after-traffic, on-rollback."
            ),
        ),
        (
            "Each-Step: check-orders",
            (
                "hooks: got 'Each-Step: check-orders'. 'Each-Step' is no stage of a rollout: write one of "
                "before-traffic, each-step, after-traffic, on-rollback. Did you mean each-step?"
            ),
        ),
        (
            "BeforeAllowTraffic: check-orders",
            (
                "hooks: got 'BeforeAllowTraffic: check-orders'. 'BeforeAllowTraffic' is no stage of a "
                "rollout: write one of before-traffic, each-step, after-traffic, on-rollback. Did you "
                "mean before-traffic?"
            ),
        ),
        (
            "before-traffic: a, each-step: b",
            (
                "hooks: got 'before-traffic: a, each-step: b'. Write one hook on each line, without "
                "commas."
            ),
        ),
        (
            f"{ARN}",
            (
                f"hooks: got '{ARN}'. 'arn' is no stage of a rollout: write one of before-traffic, "
                "each-step, after-traffic, on-rollback."
            ),
        ),
        (
            "each-step:",
            (
                "hooks: got 'each-step:'. Write the function after the colon, such as each-step: "
                "check-orders."
            ),
        ),
        (
            "each-step: check orders",
            (
                "hooks: got 'each-step: check orders'. Write a function's name (letters, digits, - and "
                "_), its partial ARN (123456789012:function:NAME) or its full ARN, each with :QUALIFIER "
                "or without."
            ),
        ),
        (
            "each-step: arn:aws:lambda:eu-west-1:123456789012:function:check-orders",
            (
                "hooks: got 'arn:aws:lambda:eu-west-1:123456789012:function:check-orders'. A hook is "
                "invoked in the Region of the rollout, eu-central-1: name a function there."
            ),
        ),
        (
            "- each-step: check-orders",
            (
                "hooks: got '- each-step: check-orders'. Write 'each-step: check-orders', without the "
                "dash of YAML or JSON."
            ),
        ),
    ],
)
def test_mistakes(text: str, told: str) -> None:
    assert refused(hooks=text) == [told]


def test_all_lines_are_looked_at() -> None:
    assert len(refused(hooks="each: a\neach-step: b\nafter-traffic: b c")) == 2


def test_codedeploy_has_two_stages_with_one_function_each() -> None:
    usual = "before-traffic: CodeDeployHook_a\nafter-traffic: CodeDeployHook_b"
    read_inputs(
        {
            variable(name): text
            for name, text in {
                "function-name": "checkout",
                "aws-region": "eu-central-1",
                "hooks": usual,
                **CODEDEPLOY,
            }.items()
        }
    )
    [two] = refused(**CODEDEPLOY, hooks=f"{usual}\nbefore-traffic: CodeDeployHook_c")
    assert "invokes one function for each stage" in two
    for stage in (HookStage.EACH_STEP, HookStage.ON_ROLLBACK):
        [other] = refused(**CODEDEPLOY, hooks=f"{stage}: a")
        assert "has hooks before-traffic and after-traffic only" in other


@given(st.text(alphabet=st.sampled_from("ab:-1 \n\r$é,"), max_size=40))
def test_any_text_is_hooks_or_mistakes(text: str) -> None:
    with suppress(Mistakes):
        hooks = parse_hooks(text)
        assert parse_hooks("\n".join(f"{hook.stage}: {hook.function}" for hook in hooks)) == hooks
