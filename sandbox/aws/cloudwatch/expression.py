"""Metric math, the part that error-rate alarms use.

Numbers, the ids of other queries, + - * /, comparisons (1 or 0), FILL(m, number) and
IF(condition, then, else). The grammar is a subset of Python's, so Python's own parser reads it.

Source: "Using math expressions with CloudWatch metrics" in the CloudWatch User Guide.
"""

import ast
import operator
from collections.abc import Callable, Iterator

Lookup = Callable[[str], float | None]

_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_COMPARISON: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Expression:
    """A parsed expression. Raises ValueError (with what is not understood) when made."""

    def __init__(self, text: str) -> None:
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ValueError(text) from error
        self.ids = frozenset(_check(self._tree))

    def value(self, lookup: Lookup) -> float | None:
        """The value for one period; `lookup` gives that of another id. None: no datapoint."""
        return _value(self._tree, lookup)


def _check(node: ast.expr) -> Iterator[str]:
    """Yield the ids used; raise ValueError at the first thing that is not modelled."""
    match node:
        case ast.Name(id=name):
            yield name
        case ast.Constant(value=int() | float()):
            pass
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield from _check(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield from _check(left)
            yield from _check(right)
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISON:
            yield from _check(left)
            yield from _check(right)
        case (
            ast.Call(func=ast.Name(id="FILL"), args=[ast.Name(), ast.Constant()] as args)
            | ast.Call(func=ast.Name(id="IF"), args=[_, _, _] as args)
        ):
            for argument in args:
                yield from _check(argument)
        case _:
            raise ValueError(ast.unparse(node))


def _value(node: ast.expr, lookup: Lookup) -> float | None:
    match node:
        case ast.Name(id=name):
            return lookup(name)
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(operand=operand):
            value = _value(operand, lookup)
            return None if value is None else -value
        case ast.BinOp(left=left, op=op, right=right):
            return _pair(left, right, _ARITHMETIC[type(op)], lookup)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return _pair(left, right, _COMPARISON[type(sign)], lookup)
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, filler]):
            value = _value(metric, lookup)
            return _value(filler, lookup) if value is None else value
        case ast.Call(args=[condition, then, otherwise]):
            value = _value(condition, lookup)
            return None if value is None else _value(then if value else otherwise, lookup)
    raise AssertionError(ast.dump(node))


def _pair(
    left: ast.expr, right: ast.expr, apply: Callable[[float, float], float], lookup: Lookup
) -> float | None:
    """A period in which one side is missing, or that divides by zero, has no datapoint."""
    first, second = _value(left, lookup), _value(right, lookup)
    if first is None or second is None:
        return None
    try:
        return float(apply(first, second))
    except ZeroDivisionError:
        return None
