"""How the reference implementation divides series of one, two and several levels: one JSON list, a line a series.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install jumpavg==0.4.2
    /tmp/reference/bin/python jumpavg_groups.py > ../../fixtures/jumpavg/0.4.2.txt
"""

import json
from importlib.metadata import version

from device import Random
from jumpavg import classify


def series(seed):
    random = Random(seed)
    length = 5 + int(random.next() * 60)
    level = 1e6 * (1 + 9 * random.next())
    spread = [0.0, 0.002, 0.01, 0.05][seed % 4]
    changes = [0.0, 0.05, 0.1, 0.3][seed // 4 % 4]
    values = []
    for _ in range(length):
        if random.next() < changes:
            level = level * (0.85 + 0.3 * random.next())
        values.append(float(int(level * (1.0 + spread * random.bell()))))
    return values


print(f"# jumpavg {version('jumpavg')}: python jumpavg_groups.py")
for seed in range(1, 301):
    values = series(seed)
    groups = [[len(group.run_list), group.stats.avg, group.stats.stdev] for group in classify(values)]
    print(json.dumps({"values": values, "groups": groups}))
