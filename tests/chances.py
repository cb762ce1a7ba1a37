"""Whether outcomes come as often as they should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from numbers import Real


def assert_as_likely(sample: Iterable[Hashable], chances: Mapping[Hashable, Real], at_least: int) -> None:
    """Pearson's statistic must be within three standard deviations, with `at_least` degrees of freedom.

    Outcomes of which few are expected count as one.
    """
    counts = Counter(sample)
    n = counts.total()
    assert counts.keys() <= chances.keys()
    seen: Counter[Hashable] = Counter()
    expected: Counter[Hashable] = Counter()
    for outcome, chance in chances.items():
        group = outcome if n * chance >= 5 else "rare"
        seen[group] += counts[outcome]
        expected[group] += n * chance
    statistic = float(sum((seen[group] - expected[group]) ** 2 / expected[group] for group in expected))
    degrees = len(expected) - 1
    assert degrees >= at_least
    assert abs(statistic - degrees) < 3 * (2 * degrees) ** 0.5
