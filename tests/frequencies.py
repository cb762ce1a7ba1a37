"""Test whether the frequencies of sampled outcomes match their probabilities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from numbers import Real


def assert_frequencies(
    sample: Iterable[Hashable], probabilities: Mapping[Hashable, Real], min_degrees: int
) -> None:
    """Assert that Pearson's chi-squared statistic is within three standard deviations of its mean.

    Outcomes with fewer than 5 expected occurrences are grouped into one. The test must have at least
    `min_degrees` degrees of freedom.
    """
    counts = Counter(sample)
    n = counts.total()
    assert counts.keys() <= probabilities.keys()
    observed: Counter[Hashable] = Counter()
    expected: Counter[Hashable] = Counter()
    for outcome, probability in probabilities.items():
        group = outcome if n * probability >= 5 else "rare"
        observed[group] += counts[outcome]
        expected[group] += n * probability
    statistic = float(sum((observed[group] - expected[group]) ** 2 / expected[group] for group in expected))
    degrees = len(expected) - 1
    assert degrees >= min_degrees
    assert abs(statistic - degrees) < 3 * (2 * degrees) ** 0.5
