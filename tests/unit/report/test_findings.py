"""Of a hundred functions that lack the same, one is told in full, and the others hide nothing else."""

from __future__ import annotations

from lambda_rollout.alias.routing import Target
from lambda_rollout.preflight.finding import Code, Finding, Level
from lambda_rollout.report.findings import about_all, by_kind, findings_table


def queue(number: int) -> Finding:
    """Each has an ARN, a command and numbers of its own."""
    name = f"fn-{number:03}"
    arn = f"arn:aws:sqs:eu-central-1:123456789012:orders-{name}"
    return Finding(
        Level.WARNING,
        Code.EVENT_SOURCE_BYPASSES_ALIAS,
        f"Event source mapping of {arn} invokes {name} itself, {number} times.",
        f"Let it invoke {name}:live.",
        Target(name, "live"),
        command=f"aws lambda update-event-source-mapping --function-name {name}:live",
    )


def denied(number: int, what: str) -> Finding:
    seen = f"Not checked: {what}. lambda:GetPolicy is not allowed."
    return Finding(Level.NOTE, Code.NOT_CHECKED, seen, "", Target(f"fn-{number:03}", "live"))


def test_what_differs_in_names_and_numbers_alone_is_one_kind() -> None:
    kinds = by_kind([queue(number) for number in range(100)])
    assert [len(kind) for kind in kinds] == [100]
    assert about_all(kinds[0]) == "event-source-bypasses-alias fn-000:live and 99 more"


def test_a_few_are_each_told_in_full() -> None:
    assert [len(kind) for kind in by_kind([queue(number) for number in range(3)])] == [1, 1, 1]


def test_the_same_code_with_another_text_is_another_kind() -> None:
    callers = [denied(number, "whether callers are allowed on the alias") for number in range(40)]
    urls = [denied(number, "whether the function URL names the alias") for number in range(40)]
    both = [each for pair in zip(callers, urls, strict=True) for each in pair]
    assert [kind[0] for kind in by_kind(both)] == [callers[0], urls[0]]


def test_what_is_about_nobody_is_no_kind() -> None:
    late = [Finding(Level.WARNING, Code.NOT_CHECKED, f"Not checked: {n}.", "") for n in "abcde"]
    assert [len(kind) for kind in by_kind(late)] == [1] * 5


def test_the_table_has_a_row_for_each_kind_and_says_where_the_others_are() -> None:
    others = [denied(number, "reserved concurrency") for number in range(100)]
    last = Finding(Level.NOTE, Code.WRITES_NEEDED, "Not tested: lambda:UpdateAlias.", "")
    table = findings_table([*map(queue, range(100)), *others, last])
    assert table.count("\n| ") == 4
    assert "`fn-000:live` and 99 more" in table
    assert "`fn-008:live` and 91 more; the log has each." in table
    assert "writes-needed" in table
    assert table.count("aws lambda update-event-source-mapping") == 1
    assert "The log has those for the others." in table


def test_rows_that_have_no_room_are_counted_by_finding() -> None:
    others = [denied(number, "reserved concurrency") for number in range(100)]
    table = findings_table([*map(queue, range(3)), *others], most=2)
    assert "And 101 more findings, in the log." in table
