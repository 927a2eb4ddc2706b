"""The feed of one job: built from the inputs, from inputs that are wrong, or from what main saved."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from lambda_rollout.github.comment import STATE
from lambda_rollout.github.comment.environment import environment
from lambda_rollout.github.comment.feed import (
    CommentFeed,
    CommentOwner,
    state_of,
    told_before,
)
from lambda_rollout.github.comment.pull_request import Lead, Named, lead
from lambda_rollout.github.comment.sync import CommentApi, Told
from lambda_rollout.github.comment.thread import LiveComment
from lambda_rollout.github.runner import Runner
from lambda_rollout.inputs.choices import Comment, OnCancel
from lambda_rollout.inputs.model import Inputs
from lambda_rollout.inputs.read import variable
from lambda_rollout.inputs.text import split_items
from lambda_rollout.runtime.background import Background
from lambda_rollout.runtime.clock import Clock, Stop

PATIENCE = 10.0
"""Seconds for the last state to reach GitHub."""

PATIENCE_CANCELLED = 3.0
"""The same once the job was cancelled: the runner kills it ten seconds after it told it to end."""


def patience(stop: Stop) -> float:
    """Return how many seconds the end of a job may wait for GitHub."""
    return PATIENCE_CANCELLED if stop.requested else PATIENCE


def feed_for(
    inputs: Inputs, runner: Runner, clock: Clock, background: Background | None = None
) -> CommentFeed | None:
    """Build the feed of a rollout; None if none is wanted, or nothing can be sent."""
    if inputs.comment is Comment.OFF:
        return None
    wanted = lead(inputs.pr_number, runner.environ)
    live = _live(wanted, inputs.github_token, runner, clock, background=background)
    functions = tuple(target.name for target in inputs.targets)
    owner = CommentOwner(
        functions, inputs.alias, functools.partial(environment, runner.environ, runner.hide)
    )
    holds = inputs.on_cancel is OnCancel.HOLD
    return CommentFeed(live, owner, runner, clock, holds_on_cancel=holds) if live else None


def feed_for_bad_inputs(runner: Runner, clock: Clock) -> CommentFeed | None:
    """Build the feed that tells what is wrong with the inputs, from those that can be read all the same."""
    environ = runner.environ
    if _raw(environ, "comment") == Comment.OFF.value:
        return None
    live = _live(lead(None, environ), _raw(environ, "github-token"), runner, clock)
    functions = tuple(split_items(_raw(environ, "function-name")))
    alias = _raw(environ, "alias") or "live"
    regions = (environ.get(name, "") for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
    region = next(filter(None, (_raw(environ, "aws-region"), *regions)), "")
    asked = functools.partial(environment, environ, runner.hide)
    owner = CommentOwner(functions, alias, asked, region=region)
    return CommentFeed(live, owner, runner, clock) if live else None


def feed_of_post_stage(
    runner: Runner, clock: Clock, background: Background | None = None
) -> CommentFeed | None:
    """Build the feed that goes on with what main told; None if main had told nothing."""
    told = told_before(runner.state(STATE))
    if told is None:
        return None
    token = _raw(runner.environ, "github-token")
    live = _live(Named(told.number), token, runner, clock, told.id, background)
    asked = functools.partial(environment, runner.environ, runner.hide)
    owner = CommentOwner((), "", asked, key=told.key)
    return CommentFeed(live, owner, runner, clock) if live else None


def _raw(environ: Mapping[str, str], name: str) -> str:
    return environ.get(variable(name), "").strip()


def _live(
    wanted: Lead,
    token: str,
    runner: Runner,
    clock: Clock,
    id_: str = "",
    background: Background | None = None,
) -> LiveComment | None:
    api_url = runner.environ.get("GITHUB_API_URL", "")
    repository = runner.run.repository
    if not (token and api_url and repository):
        return None

    def connect() -> CommentApi:
        from lambda_rollout.github.comment.api import GitHubComments

        return GitHubComments(token, api_url, repository)

    def remember(told: Told) -> None:
        runner.save_state(state_of(told))

    return LiveComment(wanted, connect, clock, remember, id_=id_, background=background)
