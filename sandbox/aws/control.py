"""What a test or a demo may ask of a served world: the routes under ``/_sandbox/``.

All bodies are JSON.

GET  log               every request so far (Request's fields; bytes as text)
GET  faults            the rules in force, with how many requests each has seen
POST faults            a rule or a list of them: {"fault": "Hang", "seconds": 30, "effect":
                       "late", "operation": "UpdateAlias", "nth": 2}; `Meanwhile` takes
                       "call", a list of requests as for ``call``; `Die` takes "pid", "signal"
DELETE faults          behave again
POST call              {"service", "operation", "params", "region"}: a request that is not
                       logged and meets no fault, answered as {"answer"} or {"error"}
POST traffic           {"function": "f:live", "per_second": 20, "payload", "seconds"}
GET  traffic           what was answered so far, by version
DELETE traffic         silence
POST state             {"function", "qualifier" or "next": true, and the fields of Fate}
POST delays            {"activation_delay": s, "update_delay": s} of Lambda, and of CodeDeploy
                       {"start_delay": s, "alarm_pause": s, "minute": s}
POST sts               any of {"lifetime", "trusts", "policies", "strict", "request_token",
                       "token_lifetime"} of `Sts`, and "job" with fields of `sandbox.aws.trust.Job`
POST rights            {"caller": access key id or "*", "policy"}: what it may do from now on, and nothing
                       else; null for everything
POST dates             {"caller": access key id or "*", "off": seconds or null}: how far the Date
                       header of its answers is off, null for none
POST expire            {"caller": access key id, "seconds": n}: its credentials end then
POST executions        {"function", "version", "count"}: durable executions begin there
POST objects           {"bucket", "key", "text"}: an object in S3, base64; answers its version id
DELETE objects         {"bucket", "key", "version"}: it is gone, and code kept by reference with it
POST evaluation        {"alarm", "state": EvaluationState or null, "reason"} of a metric or log alarm
POST advance           {"seconds": n}, with a manual clock only
GET  clock             {"now": ...}

``GET /_sandbox/oidc?…&audience=…`` is no control route but GitHub's OIDC provider: what
ACTIONS_ID_TOKEN_REQUEST_URL leads to.
"""

from __future__ import annotations

import base64
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from functools import partial
from typing import Any

from sandbox.aws import between, faults
from sandbox.aws.errors import AwsError
from sandbox.aws.lambda_ import Fate
from sandbox.aws.request import Request
from sandbox.aws.traffic import Traffic
from sandbox.aws.world import REGION, World
from sandbox.clock import ManualClock

FAULTS: dict[str, type] = {
    name: value
    for name, value in {**vars(faults), **vars(between)}.items()
    if isinstance(value, type) and hasattr(value, "around") and name not in {"Fault", "Faults"}
}
RULE_FIELDS = {field.name for field in fields(faults.Rule)} - {"fault", "seen"}

Body = Any
Route = Callable[[Body], Any]


class Control:
    """The control routes of one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.traffic: list[Traffic] = []
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", "log"): lambda _: [plain(asdict(request)) for request in world.log],
            ("GET", "faults"): lambda _: [self._shown(rule) for rule in world.faults.rules],
            ("POST", "faults"): self.add_faults,
            ("DELETE", "faults"): lambda _: world.faults.clear(),
            ("POST", "call"): self.call,
            ("POST", "traffic"): self.start_traffic,
            ("GET", "traffic"): lambda _: [self._counted(traffic) for traffic in self.traffic],
            ("DELETE", "traffic"): lambda _: self.stop_traffic(),
            ("POST", "state"): self.set_state,
            ("POST", "delays"): self.set_delays,
            ("POST", "sts"): self.set_sts,
            ("POST", "rights"): self.set_rights,
            ("POST", "dates"): self.set_dates,
            ("POST", "expire"): self.expire,
            ("POST", "executions"): self.begin_executions,
            ("POST", "objects"): self.put_object,
            ("DELETE", "objects"): self.lose_object,
            ("POST", "evaluation"): self.set_evaluation,
            ("POST", "advance"): self.advance,
            ("GET", "clock"): lambda _: {"now": world.clock.now().isoformat()},
        }

    def answer(self, method: str, route: str, body: Body) -> Any:
        """Answer one control request. Raises KeyError for an unknown route."""
        with self.world.lock:
            return self.routes[method, route](body)

    def add_faults(self, body: Body) -> None:
        """POST faults."""
        for rule in body if isinstance(body, list) else [body]:
            match = {key: value for key, value in rule.items() if key in RULE_FIELDS}
            given = {key: value for key, value in rule.items() if key not in RULE_FIELDS}
            self.world.faults.add(self._fault(given), **match)

    def call(self, body: Body) -> dict[str, Any]:
        """POST call."""
        try:
            return {"answer": plain(self._perform(body))}
        except AwsError as error:
            return {"error": {"code": error.code, "message": error.message, "status": error.status}}

    def start_traffic(self, body: Body) -> None:
        """POST traffic."""
        self.traffic.append(Traffic(self.world, **body))

    def stop_traffic(self) -> None:
        """DELETE traffic."""
        for traffic in self.traffic:
            traffic.stop()
        self.traffic.clear()

    def set_state(self, body: Body) -> None:
        """POST state."""
        fate = Fate(**{f.name: body[f.name] for f in fields(Fate) if f.name in body})
        model = self.world.lambda_(body.get("region", REGION))
        if body.get("next"):
            model.next_version(body["function"], fate)
        else:
            model.set_state(body["function"], body["qualifier"], fate)

    def set_delays(self, body: Body) -> None:
        """POST delays."""
        model = self.world.lambda_(body.get("region", REGION))
        model.activation_delay = body.get("activation_delay", model.activation_delay)
        model.update_delay = body.get("update_delay", model.update_delay)
        codedeploy = self.world.codedeploy(body.get("region", REGION))
        for name in ("start_delay", "alarm_pause", "minute"):
            if name in body:
                setattr(codedeploy, name, body[name])

    def set_sts(self, body: Body) -> None:
        """POST sts."""
        for name in ("lifetime", "policies", "strict", "request_token", "token_lifetime"):
            if name in body:
                setattr(self.world.sts, name, body[name])
        for name, value in body.get("job", {}).items():
            given = tuple(value) if isinstance(value, list) else value
            setattr(self.world.sts.job, name, given)
        if "trusts" in body:
            self.world.sts.trusts = None if body["trusts"] is None else set(body["trusts"])

    def set_rights(self, body: Body) -> None:
        """POST rights."""
        caller = body.get("caller", "*")
        self.world.rights.pop(caller, None)
        if body["policy"] is not None:
            self.world.rights[caller] = body["policy"]

    def set_dates(self, body: Body) -> None:
        """POST dates."""
        self.world.dates[body.get("caller", "*")] = body["off"]

    def expire(self, body: Body) -> None:
        """POST expire."""
        self.world.sts.let_expire(body["caller"], body["seconds"])

    def begin_executions(self, body: Body) -> list[str]:
        """POST executions."""
        model = self.world.lambda_(body.get("region", REGION))
        begun = range(body.get("count", 1))
        return [model.begin_execution(body["function"], body["version"]).arn for _ in begun]

    def put_object(self, body: Body) -> str:
        """POST objects."""
        sources = self.world.lambda_(body.get("region", REGION)).sources
        return sources.put(body["bucket"], body["key"], base64.b64decode(body["text"]))

    def lose_object(self, body: Body) -> None:
        """DELETE objects."""
        model = self.world.lambda_(body.get("region", REGION))
        model.lose_object(body["bucket"], body["key"], body["version"])

    def set_evaluation(self, body: Body) -> None:
        """POST evaluation."""
        cloudwatch = self.world.cloudwatch(body.get("region", REGION))
        cloudwatch.set_evaluation_state(body["alarm"], body["state"], body.get("reason", ""))

    def advance(self, body: Body) -> None:
        """POST advance."""
        if not isinstance(self.world.clock, ManualClock):
            raise ValueError("a real clock moves by itself")  # noqa: TRY004
        self.world.clock.advance(body["seconds"])

    def _fault(self, given: dict[str, Any]) -> faults.Fault:
        kind = given.pop("fault")
        if kind == "Meanwhile":
            calls = given["call"] if isinstance(given["call"], list) else [given["call"]]
            return faults.Meanwhile(lambda _: [self._perform(call) for call in calls])
        if kind == "Die":
            die = partial(os.kill, given["pid"], given.get("signal", signal.SIGKILL))
            return faults.Die(die, after_effect=given.get("after_effect", False))
        fault: faults.Fault = FAULTS[kind](**given)
        return fault

    def _perform(self, call: Mapping[str, Any]) -> dict[str, Any]:
        return self.world.perform(
            Request(
                self.world.clock.now(),
                call["service"],
                call["operation"],
                call["params"],
                call.get("region", REGION),
            )
        )

    def _shown(self, rule: faults.Rule) -> dict[str, Any]:
        return {
            "fault": repr(rule.fault),
            "seen": rule.seen,
            **{name: getattr(rule, name) for name in sorted(RULE_FIELDS)},
        }

    def _counted(self, traffic: Traffic) -> dict[str, Any]:
        return {
            "function": traffic.function,
            "answered": traffic.answered,
            "failed": traffic.failed,
            "refused": traffic.refused,
        }


def plain(value: Any) -> Any:
    """A value as JSON can show it."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return value.decode(errors="replace") if isinstance(value, bytes) else value
