"""The misconceptions that change every number in the same way: its sign, a factor, an amount, a log, an integer dtype.

Each is made from what is expected and then compared. A rule is only asked where it could not hold by chance: not on
constants, and with a free number only from three different values on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from graders.misconceptions import FACTOR, NAMED_FACTOR, Case, Finding


def from_values(case: Case) -> Iterator[Finding]:
    """What explains the given numbers as the expected ones, each changed in the same way."""
    if case.got.shape != case.expected.shape:
        return
    if case.values < 2:  # a constant: everything explains it, but for a gradient, of which a factor tells enough
        if case.gradient and bool(case.expected.any()):
            yield from _gradient(case)
    elif case.truth:
        if case.expected.numel() > 2 and case.is_given(1 - case.expected):
            yield Finding("opposite", "Every answer is the opposite one: is a comparison the wrong way round?")
    else:
        yield from _changed(case)
        yield from _by_a_factor(case)
        yield from _by_an_amount(case)


def _gradient(case: Case) -> Iterator[Finding]:
    """What tells enough of a gradient even where it is one number."""
    if not bool(case.got.any()):
        why = "did the result lose its connection to this input, or was the gradient zeroed too late?"
        yield Finding("zero", f"It is zero: {why}")
    elif case.is_given(-case.expected):
        yield Finding("sign", "The sign is flipped.")
    else:
        yield from _by_a_factor(case)


def _changed(case: Case) -> Iterator[Finding]:
    """Each number changed in the same way."""
    expected = case.expected
    if case.gradient and not bool(case.got.any()):
        yield from _gradient(case)
        return
    if case.is_given(-expected):
        yield Finding("sign", "The sign is flipped.")
        return
    if expected.is_complex():
        return
    if case.is_given(expected.abs()):
        yield Finding("absolute", "The sign is lost: each value is the distance from 0 of the expected one.")
    if not bool((expected == expected.round()).all()):
        why = "was an integer dtype or // used?"
        if case.is_given(expected.trunc()) or case.is_given(expected.floor()):
            yield Finding("integer", f"The fractions are cut off: {why}")
        elif case.is_given(expected.round()):
            yield Finding("integer", "It is rounded to whole numbers: was an integer dtype or round() used?")
    if not bool(case.got.any()):
        return
    if case.is_given(expected**2):
        yield Finding("squared", "It is the square of what is expected: is a square root missing?")
    if bool((expected >= 0).all()):
        if case.is_given(expected.sqrt()):
            yield Finding(
                "root", "It is the square root of what is expected: is there one too many, or a square missing?"
            )
        if bool((expected > 0).all()) and case.is_given(expected.log()):
            yield Finding("log", "It is the logarithm of what is expected: one log too many?")
    if case.is_given(expected.exp()):
        yield Finding("exp", "It is exp() of what is expected: is a log missing?")
    if bool((expected != 0).all()) and case.is_given(1 / expected):
        yield Finding("reciprocal", "Each value is 1 divided by the expected one: is a fraction upside down?")
    if bool(((expected >= 0) & (expected <= 1)).all()) and case.is_given(1 - expected):
        yield Finding("opposite", "Each value is 1 minus the expected one.")


_BASES = {
    math.log2(math.e): "the logarithm to base 2 where the natural one is asked",
    math.log10(math.e): "the logarithm to base 10 where the natural one is asked",
    math.log(2): "the natural logarithm where the one to base 2 is asked",
    math.log(10): "the natural logarithm where the one to base 10 is asked",
    math.log2(10): "the logarithm to base 2 where the one to base 10 is asked",
    math.log10(2): "the logarithm to base 10 where the one to base 2 is asked",
}
_COUNTS = (2, 3, 4, 5, 10, 100)


def _by_a_factor(case: Case) -> Iterator[Finding]:
    """All numbers times the same one."""
    expected = case.expected
    largest = expected.abs().reshape(-1).argmax()
    ratio = (case.got.reshape(-1)[largest] / expected.reshape(-1)[largest]).item()
    if isinstance(ratio, complex) or not ratio or abs(ratio) == 1 or not case.is_given(ratio * expected):
        return
    for factor, said in _BASES.items():
        if math.isclose(ratio, factor, rel_tol=case.tolerance):
            yield Finding("log base", f"It is {said}.", NAMED_FACTOR)
            return
    for size in case.sizes:
        for power, of in ((1.0, "variance"), (0.5, "standard deviation")):
            for wrong, right in ((size, size - 1), (size - 1, size)):
                if size > 2 and math.isclose(ratio, (right / wrong) ** power, rel_tol=case.tolerance):
                    said = f"It is a {of} with n = {wrong} where n = {right} is asked (correction, n - 1)."
                    yield Finding("degrees of freedom", said, NAMED_FACTOR)
    found = _count_of(case, ratio)
    if found:
        yield Finding("factor", found, FACTOR)
    elif case.values > 2:
        said = f"Every value is {ratio:.4g} times the expected one."
        yield Finding("factor", said, FACTOR, "Every value is the expected one times the same factor.")


def _count_of(case: Case, ratio: float) -> str:
    """A factor that is a count, with where such a one comes from."""
    counts = dict.fromkeys((*_COUNTS, *(size for size in case.sizes if size > 1)))
    for count in counts:
        size = count in case.sizes
        if math.isclose(ratio, count, rel_tol=case.tolerance):
            reasons = (
                [f"was it added up over {count} backward passes"] if case.gradient and count <= max(_COUNTS[:4]) else []
            )
            reasons += ["is it a sum where a mean is asked"] if size else []
            reasons += ["is there a factor too many"] if count <= max(_COUNTS[:4]) or not reasons else []
            return f"It is {count} times the expected one: {', or '.join(reasons)}?"
        if math.isclose(ratio, 1 / count, rel_tol=case.tolerance):
            reasons = ["is it a mean where a sum is asked"] if size else []
            reasons += (
                [f"is a factor {count} missing, as from a square or a mean"]
                if count <= max(_COUNTS[:4]) or not size
                else []
            )
            return f"It is the expected one divided by {count}: {', or '.join(reasons)}?"
    return ""


def _by_an_amount(case: Case) -> Iterator[Finding]:
    """All numbers plus the same one."""
    expected, got = case.expected, case.got
    if expected.numel() < 3 or case.values < 2 or expected.is_complex():
        return
    amount = float((got - expected).reshape(-1)[0])
    if not amount or not case.is_given(expected + amount):
        return
    if case.whole and abs(amount) == 1:
        more = "more" if amount > 0 else "less"
        yield Finding("off by one", f"Every value is one {more} than it should be: do you count from 0?")
        return
    if not case.whole and case.values < 3:
        return
    way = "large" if amount > 0 else "small"
    said = f"Every value is {abs(amount):.4g} too {way}."
    yield Finding(
        "offset", said, FACTOR, f"Every value is too {way} by the same amount: is a term missing, or one too many?"
    )
