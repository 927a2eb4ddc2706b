"""What a preflight asks once, however many functions there are."""

from __future__ import annotations

from lambda_rollout.alias.routing import Target
from lambda_rollout.analysis.metrics import complete_until
from lambda_rollout.inputs.hooks import Hook
from lambda_rollout.inputs.names import account_of, account_of_function, name_of_function
from lambda_rollout.preflight.calls import PreflightReader
from lambda_rollout.preflight.facts import AlarmFacts, EventSource, HookFacts, Invoked, Unread
from lambda_rollout.preflight.patience import Reading
from lambda_rollout.preflight.question import Passage, Question


class AccountReader:
    """The hooks, the alarms, the numbers of all aliases, and the account's event source mappings."""

    def __init__(self, question: Question, reader: PreflightReader, reading: Reading) -> None:
        """Nothing is read yet."""
        self._question = question
        self._reader = reader
        self._reading = reading
        self.hooks: tuple[HookFacts, ...] = ()
        self.alarms: tuple[AlarmFacts, ...] | Unread = ()
        self.history: Unread | None = None
        self._invoked: tuple[Invoked, ...] | Unread = ()
        self._mappings: tuple[EventSource, ...] | Unread | None = None
        """Those of the whole account, None where they are too many."""

    def read(self) -> None:
        """Ask for it all. Raises `Cancelled` on stop, and nothing else."""
        question, reader, reading = self._question, self._reader, self._reading
        self.hooks = tuple(try_hook(hook, question, reader, reading) for hook in question.hooks)
        if question.only_publishes:
            return
        targets = tuple(passage.target for passage in question.passages)
        until = complete_until(question.now)
        self._invoked = reading("cloudwatch:GetMetricData", lambda: reader.invoked(targets, until))
        self.alarms = reading("cloudwatch:DescribeAlarms", reader.alarms)
        if self.alarms != ():
            self.history = reading("cloudwatch:DescribeAlarmHistory", reader.try_history)
        pages = worthwhile_pages(len(targets))
        self._mappings = reading(
            "lambda:ListEventSourceMappings", lambda: reader.account_event_sources(pages)
        )

    def invoked(self, target: Target) -> Invoked | Unread:
        """Return how often it was invoked."""
        if isinstance(self._invoked, Unread):
            return self._invoked
        return next(each for each in self._invoked if each.target == target)

    def event_sources(self, passage: Passage) -> tuple[EventSource, ...] | Unread | None:
        """Return the mappings of a function, None where they have to be asked for by its name."""
        if not isinstance(self._mappings, tuple):
            return self._mappings
        return of_function(self._mappings, passage, self._question.account)


def try_hook(
    hook: Hook, question: Question, reader: PreflightReader, reading: Reading
) -> HookFacts:
    """Find out whether a hook can be invoked."""
    tried = reading("lambda:InvokeFunction", lambda: reader.try_hook(hook))
    return HookFacts(hook, tried, by_codedeploy=question.by_codedeploy)


def worthwhile_pages(functions: int) -> int:
    """Return how many pages of the account's event source mappings are worth asking for.

    Function by function it takes two calls each. How many pages there are nobody says, so at most a quarter of these
    is spent in vain, or one call.
    """
    return max(functions // 2, 1)


def of_function(
    mappings: tuple[EventSource, ...], passage: Passage, account: str
) -> tuple[EventSource, ...] | None:
    """Return those of the account's mappings that are of one function, None where they may be in another account.

    ``account`` is that of the credentials, empty if it is not known; then the mappings tell. A function that is given
    by its name alone is looked for there.
    """
    function = passage.target.function
    own = account or next((account_of(each.function) for each in mappings), "")
    if account_of_function(function) not in {"", own}:
        return None
    if passage.alias_arn:
        arn = passage.alias_arn.rpartition(":")[0]
        return tuple(each for each in mappings if each.function == arn)
    name = name_of_function(function)
    return tuple(each for each in mappings if name_of_function(each.function) == name)
