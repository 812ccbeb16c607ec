"""Quantiles and tests of the same samples by NumPy and SciPy: a JSON object a line.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install numpy==2.4.6 scipy==1.17.1
    /tmp/reference/bin/python quantiles.py > ../../fixtures/numpy/2.4.6.txt
"""

import json
from importlib.metadata import version

import numpy
from device import Random
from scipy import stats

SHARES = [0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999]


def samples(seed):
    random = Random(seed)
    size = [1, 2, 7, 10, 100, 999, 1000, 1001, 2000][seed % 9]
    # Latencies: most about the same, some far out.
    return [
        int(1000 + 300 * abs(random.bell()) + (50_000 * random.next() if random.next() < 0.02 else 0))
        for _ in range(size)
    ]


print(f"# numpy {version('numpy')}, scipy {version('scipy')}: python quantiles.py")
for seed in range(1, 37):
    values = samples(seed)
    quantiles = numpy.quantile(values, SHARES, method="inverted_cdf")
    print(json.dumps({"values": values, "quantiles": [int(value) for value in quantiles]}))
for seed in range(1, 61):
    random = Random(seed)
    sizes = [4 + int(random.next() * 9) for _ in range(2)]
    one, other = ([1000 * (1 + shift + 0.1 * random.bell()) for _ in range(size)] for size, shift in zip(sizes, (0.0, 0.05)))
    p = stats.mannwhitneyu(one, other, method="exact").pvalue
    print(json.dumps({"one": one, "other": other, "p": float(p)}))
for n, share in [(6, 0.5), (20, 0.5), (100, 0.9), (299, 0.99), (1000, 0.99), (1000, 0.999)]:
    # The k-th value is below the quantile unless at most k-1 values are: binomial.
    low = int(stats.binom.ppf(0.025, n, share))
    high = n - int(stats.binom.ppf(0.025, n, 1 - share))
    print(json.dumps({"n": n, "share": share, "low": low, "high": high + 1}))
