"""What the reference implementation of MLRsearch finds on the simulated devices, and in how long: a line a search.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install MLRsearch==1.2.1
    /tmp/reference/bin/python mlrsearch.py 1000 > ../../fixtures/mlrsearch/1.2.1.csv
"""

import sys
from importlib.metadata import version

from device import BEHAVIOURS, MAX_LOAD, Device
from MLRsearch import AbstractMeasurer, Config, MeasurementResult, MultipleLossRatioSearch, SearchGoal


class Measurer(AbstractMeasurer):
    def __init__(self, device):
        self.device = device
        self.trials = 0

    def measure(self, intended_duration, intended_load):
        self.trials += 1
        intended, received = self.device.forward(intended_load, intended_duration)
        return MeasurementResult(
            intended_duration=intended_duration,
            intended_load=intended_load,
            offered_count=intended,
            forwarding_count=received,
        )


def searched(behaviour, seed):
    device = Device(behaviour, seed)
    goals = [SearchGoal(loss_ratio=ratio, fail_fast=False) for ratio in (0.0, 0.005)]
    config = Config()
    config.goals = goals
    config.max_load = MAX_LOAD
    config.search_duration_max = 1e6
    measurer = Measurer(device)
    results = MultipleLossRatioSearch(config).search(measurer, debug=lambda _: None)
    columns = [behaviour, seed, measurer.trials, f"{device.elapsed:.0f}"]
    for goal in goals:
        result = results[goal]
        bounds = (result.relevant_lower_bound, result.relevant_upper_bound, result.conditional_throughput)
        columns += ["" if value is None else f"{float(value):.1f}" for value in bounds]
    return ",".join(map(str, columns))


seeds = int(sys.argv[1])
print(f"# MLRsearch {version('MLRsearch')}: python mlrsearch.py {seeds}")
print("# loss ratio 0 and 0.005; the rest by default: width 0.005, trials of 1 s, duration sum 21 s, exceed ratio 0.5, warm-up 1 s")
print("behaviour,seed,trials,seconds,ndrLower,ndrUpper,ndrConditional,pdrLower,pdrUpper,pdrConditional")
for behaviour in BEHAVIOURS:
    for seed in range(1, seeds + 1):
        print(searched(behaviour, seed))
