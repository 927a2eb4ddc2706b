"""The little metric math that alarms on error rates are written in.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html. It happens to be Python's
grammar; nothing of it is executed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class _Unknown(Exception):
    """The expression holds something that is not understood here."""


def value_of(expression: str, values: Mapping[str, float]) -> float | None:
    """Calculate ``expression`` with ``values`` by id; None if it cannot be.

    Understood are numbers, ids, ``+ - * /``, brackets, ``FILL``, and ``MAX``, ``MIN`` and ``SUM`` of a list.
    """
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body, values)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError, _Unknown):
        return None


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id="FILL"), args=[filled, _], keywords=[]):
            return _value(filled, values)
        case ast.Call(func=ast.Name(id=name), args=[ast.List(elts=items)], keywords=[]) if items:
            return _of_list(name, [_value(item, values) for item in items])
    raise _Unknown


def _of_list(name: str, numbers: list[float]) -> float:
    match name:
        case "MAX":
            return max(numbers)
        case "MIN":
            return min(numbers)
        case "SUM":
            return sum(numbers)
    raise _Unknown
