"""A source of credentials is asked beside the calls, and never at the cost of one that could be signed already."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import CredentialRetrievalError

from lambda_rollout.analysis.credentials import CredentialsLife
from lambda_rollout.aws.renewal import (
    CALL_WAIT,
    FIRST_WAIT,
    HANGS_AFTER,
    MARGIN,
    REFUSED_FOR,
    RETRY_EVERY,
    Issued,
    RenewedCredentials,
)
from lambda_rollout.runtime.clock import Stop, SystemClock
from lambda_rollout.runtime.errors import Unanswered
from tests.support.seam import MARKS

HOUR = 3600.0
EXPIRED = {"Error": {"Code": "ExpiredTokenException"}, "ResponseMetadata": MARKS}


class HandClock(SystemClock):
    """A clock that a test moves while threads wait on it; a wait of the test's own moves it by itself."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.moved = threading.Condition()
        self.waits: dict[int, tuple[float, Stop | None]] = {}
        self.hanging = threading.Event()
        """Set while what is waited for never comes."""
        self.waited = 0.0
        """Seconds for which the test itself had to wait."""
        self._test = threading.get_ident()

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float, stop: Stop | None) -> None:
        if threading.get_ident() == self._test:
            self._wait_here(seconds, stop)
        else:
            self._wait_beside(seconds, stop)

    def _wait_here(self, seconds: float, stop: Stop | None) -> None:
        if not self.hanging.is_set():
            super().wait(60, stop)
        elif not (stop and stop.requested):
            self.seconds += seconds
            self.waited += seconds

    def _wait_beside(self, seconds: float, stop: Stop | None) -> None:
        me = threading.get_ident()
        with self.moved:
            until = self.seconds + seconds
            self.waits[me] = (until, stop)
            self.moved.notify_all()
            while self.seconds < until and not (stop and stop.requested):
                self.moved.wait(0.005)
            del self.waits[me]

    def move_to(self, seconds: float, settled: Callable[[float, Stop | None], bool]) -> None:
        """Go to a moment, and return when somebody's wait beside, until then and for that, is ``settled``."""
        with self.moved:
            self.seconds = seconds
            self.moved.notify_all()
            assert self.moved.wait_for(
                lambda: any(settled(*wait) for wait in self.waits.values()), timeout=60
            )


class Issuer:
    """Hands out credentials numbered from 1; may give no answer, or hang."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked = 0
        self.silent = False
        self.same = False
        """Whether it gives the first ones again, with what is left of them."""
        self.go_on = threading.Event()

    def __call__(self) -> Issued:
        self.asked += 1
        number = str(self.asked)
        if self.clock.hanging.is_set():
            self.go_on.wait(60)
        if self.silent:
            raise Unanswered("AssumeRoleWithWebIdentity", "ReadTimeoutError", "no answer")
        if self.same:
            left = timedelta(seconds=HOUR - self.clock.seconds)
            return Issued("key 1", "secret 1", "token 1", left)
        return Issued(f"key {number}", f"secret {number}", f"token {number}", timedelta(hours=1))


class Case:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.issuer = Issuer(self.clock)
        self.stop = Stop()
        self.credentials = RenewedCredentials(self.issuer, self.clock, "test")

    def begin(self) -> None:
        self.credentials.first(self.stop)
        self.credentials.keep_fresh(self.stop)

    def move_to(self, seconds: float) -> None:
        """Go to a moment; return when the background has done what is due then, or hangs while it does it."""

        def settled(until: float, waits_for: Stop | None) -> bool:
            return until > seconds and (waits_for is self.stop or self.clock.hanging.is_set())

        self.clock.move_to(seconds, settled)

    def hang(self) -> None:
        self.clock.hanging.set()

    def answers(self) -> None:
        """Whatever hangs goes on."""
        self.clock.hanging.clear()
        self.issuer.go_on.set()

    def signed_with(self) -> str:
        frozen = self.credentials.get_frozen_credentials()
        number = str(frozen.access_key).removeprefix("key ")
        assert frozen[:3] == (f"key {number}", f"secret {number}", f"token {number}")
        return number

    def refused(self) -> None:
        self.credentials.heed(parsed=EXPIRED)


@pytest.fixture
def idle() -> Iterator[Case]:
    made = Case()
    yield made
    made.answers()
    made.stop.request("the test is over")


@pytest.fixture
def case(idle: Case) -> Case:
    idle.begin()
    return idle


def test_they_are_renewed_in_the_background_after_half_their_life(case: Case) -> None:
    case.move_to(HOUR / 2 - 1)
    assert case.signed_with() == "1"
    case.move_to(HOUR / 2)
    assert case.signed_with() == "2"
    case.move_to(HOUR)
    assert case.signed_with() == "3"
    assert case.issuer.asked == 3


def test_while_the_old_ones_are_good_nobody_waits_for_new_ones(case: Case) -> None:
    case.issuer.silent = True
    case.move_to(HOUR / 2)
    for moment in (HOUR / 2 + RETRY_EVERY, HOUR / 2 + 2 * RETRY_EVERY, HOUR - MARGIN - 1):
        case.move_to(moment)
        assert case.signed_with() == "1"
    assert case.issuer.asked == 1 + 4, "the background alone, and it went on asking"
    assert "ReadTimeoutError" in str(case.credentials.failure)


def test_nor_for_a_source_that_hangs(case: Case) -> None:
    case.hang()
    case.move_to(HOUR / 2)
    for moment in (HOUR / 2 + HANGS_AFTER - 1, HOUR - MARGIN - 1):
        case.clock.seconds = moment
        assert case.signed_with() == "1"
    assert case.clock.waited == 0


def test_a_source_that_hangs_is_asked_again_beside_ever_more_seldom(case: Case) -> None:
    case.hang()
    for after in range(0, 300, 5):
        case.move_to(HOUR / 2 + after)
    # At once, and by and by after HANGS_AFTER times 1, 1 + 2, 1 + 2 + 4.
    assert 3 <= case.issuer.asked - 1 <= 4


def test_an_answer_that_comes_late_is_taken(case: Case) -> None:
    case.hang()
    case.move_to(HOUR / 2)
    case.answers()
    case.move_to(HOUR / 2 + 1)
    assert case.signed_with() == "2"


def test_an_answer_that_comes_later_than_a_newer_one_is_not(idle: Case) -> None:
    idle.hang()
    idle.credentials._ask()
    idle.clock.seconds += HANGS_AFTER
    idle.clock.hanging.clear()
    idle.credentials.first(idle.stop)
    assert idle.signed_with() == "2"
    held = idle.credentials._held
    idle.answers()
    for thread in threading.enumerate():
        if "_put" in thread.name:
            thread.join(60)
    assert idle.credentials._held is held


def test_it_asks_again_soon_after_a_failure(case: Case) -> None:
    case.issuer.silent = True
    case.move_to(HOUR / 2)
    case.issuer.silent = False
    case.move_to(HOUR / 2 + RETRY_EVERY)
    assert case.signed_with() == "3"
    assert case.credentials.failure is None
    assert case.issuer.asked == 3


def test_ones_that_have_ended_are_renewed_on_the_spot(case: Case) -> None:
    case.issuer.silent = True
    case.move_to(HOUR / 2)
    case.move_to(HOUR - MARGIN)
    with pytest.raises(CredentialRetrievalError, match="ReadTimeoutError"):
        case.signed_with()
    case.issuer.silent = False
    assert case.signed_with() == str(case.issuer.asked)


def test_a_call_waits_for_a_source_that_hangs_only_a_little(idle: Case) -> None:
    idle.credentials.first(idle.stop)
    idle.hang()
    idle.clock.seconds = HOUR
    with pytest.raises(CredentialRetrievalError, match="no answer"):
        idle.signed_with()
    assert idle.clock.waited == CALL_WAIT
    with pytest.raises(CredentialRetrievalError):
        idle.signed_with()
    assert idle.clock.waited == CALL_WAIT, "and the next one for the same question not at all"


# What is said of their life ------------------------------------------------------------------------


def test_the_first_failed_renewal_is_said_until_one_succeeds(case: Case) -> None:
    assert case.credentials.life() == CredentialsLife(HOUR - MARGIN, HOUR)
    case.issuer.silent = True
    case.move_to(HOUR / 2)
    life = case.credentials.life()
    assert life.failure == "AssumeRoleWithWebIdentity: ReadTimeoutError: no answer"
    assert life.act_at == HOUR - MARGIN - 480
    case.issuer.silent = False
    case.move_to(HOUR / 2 + RETRY_EVERY)
    assert case.credentials.life() == CredentialsLife(HOUR * 3 / 2 + RETRY_EVERY - MARGIN, HOUR)


def test_a_renewal_that_hangs_has_failed(case: Case) -> None:
    case.hang()
    case.move_to(HOUR / 2)
    assert not case.credentials.life().failure
    case.clock.move_to(HOUR / 2 + HANGS_AFTER, lambda _, waits_for: waits_for is case.stop)
    assert "no answer from the source" in case.credentials.life().failure


def test_ones_that_are_given_again_are_as_old_as_they_are(idle: Case) -> None:
    idle.issuer.same = True
    idle.begin()
    idle.move_to(HOUR / 2)
    idle.move_to(HOUR * 3 / 4)
    assert idle.issuer.asked == 3
    assert idle.credentials.life() == CredentialsLife(HOUR - MARGIN, HOUR)


def test_a_failure_that_is_older_than_what_is_held_is_none_of_its_renewal(idle: Case) -> None:
    idle.hang()
    idle.credentials._ask()
    idle.clock.seconds += HANGS_AFTER
    idle.clock.hanging.clear()
    idle.credentials.first(idle.stop)
    idle.issuer.silent = True
    idle.answers()
    for thread in threading.enumerate():
        if "_put" in thread.name:
            thread.join(60)
    assert idle.credentials.failure is None


# AWS's word ----------------------------------------------------------------------------------------


def test_awss_word_that_they_have_ended_counts_more_than_our_clock(case: Case) -> None:
    case.credentials.heed(parsed={"Error": {"Code": "ThrottlingException"}})
    # A page that only says so is nobody's word, and these are still good.
    case.credentials.heed(parsed={"Error": {"Code": "ExpiredTokenException"}})
    assert case.signed_with() == "1"
    case.refused()
    assert case.signed_with() == "2"
    assert case.signed_with() == "2"


def test_said_once_it_is_no_reason_not_to_sign_while_the_source_hangs(case: Case) -> None:
    case.hang()
    case.refused()
    assert case.signed_with() == "1"
    assert case.clock.waited == CALL_WAIT
    assert case.signed_with() == "1"
    assert case.clock.waited == CALL_WAIT


def test_said_twice_they_are_over_until_somebody_looks_again(case: Case) -> None:
    case.hang()
    case.refused()
    case.refused()
    with pytest.raises(CredentialRetrievalError):
        case.signed_with()
    case.clock.seconds += REFUSED_FOR
    assert case.signed_with() == "1"
    case.credentials.heed(parsed={"FunctionVersion": "7", "ResponseMetadata": MARKS})
    case.refused()
    assert case.signed_with() == "1", "a good answer in between: it is said once"


# The first ones ------------------------------------------------------------------------------------


def test_the_first_ones_are_waited_for_until_the_stop(idle: Case) -> None:
    idle.stop.request("cancelled (SIGINT)")
    idle.hang()
    with pytest.raises(Unanswered, match="no answer"):
        idle.credentials.first(idle.stop)
    assert idle.clock.waited == 0


def test_a_try_of_the_first_ones_ends_and_the_next_one_takes_what_came(idle: Case) -> None:
    idle.hang()
    with pytest.raises(Unanswered, match="no answer"):
        idle.credentials.first(idle.stop)
    assert idle.clock.waited == FIRST_WAIT
    idle.clock.seconds -= 1
    idle.clock.hanging.clear()
    threading.Timer(0.05, idle.answers).start()
    idle.credentials.first(idle.stop)
    assert idle.signed_with() == "1"
    assert idle.issuer.asked == 1


def test_what_the_source_says_is_raised(idle: Case) -> None:
    idle.issuer.silent = True
    with pytest.raises(Unanswered, match="ReadTimeoutError"):
        idle.credentials.first(idle.stop)


def test_ones_that_never_end_are_not_renewed() -> None:
    clock = HandClock()
    made = RenewedCredentials(lambda: Issued("key", "secret", None, None), clock, "test")
    made.first(Stop())
    assert made.last
    clock.seconds = 1e9
    assert made.get_frozen_credentials().access_key == "key"
