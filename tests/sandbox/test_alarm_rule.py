"""AlarmRule: PutCompositeAlarm in the CloudWatch API Reference."""

import pytest

from sandbox.aws.cloudwatch.rule import Rule, RuleError

STATES = {
    "a": "ALARM",
    "b": "ALARM",
    "o": "OK",
    "i": "INSUFFICIENT_DATA",
    'with "quotes" (and more)': "ALARM",
    "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a": "ALARM",
}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(a)", True),
        ('ALARM("a")', True),
        ("ALARM ( a )", True),
        ("ALARM(o)", False),
        ("OK(o)", True),
        ("OK(i)", False),
        ("INSUFFICIENT_DATA(i)", True),
        ("ALARM(arn:aws:cloudwatch:eu-central-1:123456789012:alarm:a)", True),
        (r'ALARM("with \"quotes\" (and more)")', True),
        ("TRUE", True),
        ("FALSE", False),
        ("NOT FALSE", True),
        ("NOT NOT ALARM(a)", True),
        ("ALARM(a) AND ALARM(o)", False),
        ("ALARM(o) OR ALARM(a)", True),
        # NOT before AND before OR.
        ("TRUE OR FALSE AND FALSE", True),
        ("(TRUE OR FALSE) AND FALSE", False),
        ("NOT TRUE OR TRUE", True),
        ("NOT (TRUE OR TRUE)", False),
        # The examples of the page.
        ("(ALARM(a) OR ALARM(o)) AND OK(o)", True),
        ("ALARM(a) AND NOT ALARM(b)", False),
        ("ALARM(a)\n  AND\tALARM(b)", True),
        # So many of them: a and b are in ALARM.
        ("AT_LEAST(2, ALARM, (a, b, o))", True),
        ("AT_LEAST(3, ALARM, (a, b, o))", False),
        ("AT_LEAST(66%, ALARM, (a, b, o))", True),
        ("AT_LEAST(67%, ALARM, (a, b, o))", False),
        ("AT_LEAST(3, NOT OK, (a, b, i))", True),
        ("AT_LEAST( 1 , OK , ( a , o ) ) AND ALARM(a)", True),
        ("NOT AT_LEAST(1, OK, (a, b))", True),
        (r'AT_LEAST(1, ALARM, ("with \"quotes\" (and more)", o))', True),
        # Names that look like words of the grammar.
        ("OK(OR) OR ALARM(a)", True),
    ],
)
def test_rules(rule: str, holds: bool) -> None:
    assert Rule(rule).holds(STATES.get) is holds


def test_children_in_order_each_once() -> None:
    assert Rule("ALARM(b) OR (OK(a) AND NOT ALARM(b))").children == ("b", "a")
    assert Rule("AT_LEAST(1, OK, (b, a)) OR ALARM(b) OR OK(c)").children == ("b", "a", "c")


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        # Seen at AWS, for the rule "()": https://github.com/aws/aws-cdk/issues/34662
        ("()", "Unsupported token ')' at char 1"),
        ("ALARM(a) AND", "Unexpected end"),
        ("ALARM(a) ALARM(b)", "Unsupported token 'ALARM' at char 9"),
        ("(ALARM(a)", "Unexpected end"),
        ("ALARM()", "at char 0"),
        ("ALARMED(a)", "at char 0"),
        ("TRUEISH", "at char 0"),
        ("ALARM(a) XOR ALARM(b)", "Unsupported token 'XOR' at char 9"),
        ('ALARM("a)', "at char 0"),
        ("", "Unexpected end"),
    ],
)
def test_what_is_no_rule(rule: str, says: str) -> None:
    with pytest.raises(RuleError, match=says.replace("(", r"\(").replace(")", r"\)")):
        Rule(rule)
