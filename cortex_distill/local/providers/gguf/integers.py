"""Grammar rule for the whole numbers between two bounds, written without leading zeros."""

FAR = 999_999
"""Stands in for a bound that the schema does not name."""


def integer_rule(minimum: float | None, maximum: float | None) -> str:
    """GBNF for every integer from minimum to maximum, both inclusive; an empty range allows only the minimum."""
    low = -FAR if minimum is None else _ceiling(minimum)
    high = max(low, FAR) if maximum is None else int(maximum // 1)
    high = max(low, high)
    rules = []
    if low < 0:
        rules.append(f'"-" ({_natural(max(1, -high), -low)})')
    if high >= 0:
        rules.append(_natural(max(0, low), high))
    return f"({' | '.join(rules)})"


def _ceiling(value: float) -> int:
    return int(-(-value // 1))


def _natural(low: int, high: int) -> str:
    """Alternatives for low to high, both >= 0, split by number of digits."""
    rules = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (digits - 1) if digits > 1 else 0)
        last = min(high, 10**digits - 1)
        rules.append(_same_length(str(first), str(last)))
    return " | ".join(rules)


def _same_length(low: str, high: str) -> str:
    """Numbers of equal length from low to high, digit by digit."""
    if not low:
        return '""'
    if set(low) == {"0"} and set(high) == {"9"}:
        return f"[0-9]{{{len(low)}}}"
    if low[0] == high[0]:
        return f'"{low[0]}" {_group(low[1:], high[1:])}'
    rest = len(low) - 1
    rules = [f'"{low[0]}" {_group(low[1:], "9" * rest)}', f'"{high[0]}" {_group("0" * rest, high[1:])}']
    if int(high[0]) - int(low[0]) > 1:
        middle = f"[{int(low[0]) + 1}-{int(high[0]) - 1}]"
        rules.append(f"{middle} {_group('0' * rest, '9' * rest)}")
    return " | ".join(rules)


def _group(low: str, high: str) -> str:
    return f"({_same_length(low, high)})" if low else ""
