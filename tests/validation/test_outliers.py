"""Coverage with a tenth of the rows far off: Student's loss holds what the plain one loses."""

from fit_data import unchecked
from test_loss import QUIET, TRUTH, noisy

import fitting


def test_intervals_hold_with_outliers() -> None:
    """Must be at least 90 % where the plain loss, without its Birge ratio, is below 60 %."""
    strip = noisy()
    plain = fitting.coverage(unchecked(strip, **QUIET), 200, truth=TRUTH, outliers=0.1)
    robust = fitting.coverage(
        unchecked(strip, loss="student", **QUIET), 200, truth=TRUTH, outliers=0.1
    )
    print(plain, robust, sep="\n")
    for name in TRUTH:
        assert plain.plain[0.95][name] < 0.6
        assert robust.covered[0.95][name] >= 0.9
    clean = fitting.coverage(unchecked(strip, **QUIET), 200, truth=TRUTH)
    for name in TRUTH:
        assert abs(clean.plain[0.68][name] - 0.68) < 0.07
        assert abs(clean.plain[0.95][name] - 0.95) < 0.04
