"""What the reference implementation of PLRsearch (FD.io CSIT) makes of the trials that it asks of simulated devices: a line a trial, with the estimate by all trials before it.

    python3 -m venv /tmp/reference && /tmp/reference/bin/pip install numpy==2.4.6 scipy==1.17.1 dill==0.4.1
    git clone https://gerrit.fd.io/r/csit && git -C csit checkout 78e52b9c8a872a6dc09c51b634e483ae564033f0
    PYTHONPATH=csit/resources/libraries/python /tmp/reference/bin/python plrsearch.py 40 3000 > ../../fixtures/plrsearch/csit-78e52b9c.csv

The clock is that of the trials, and the samples of the integrator are counted, so that the same comes out every time.
"""

import math
import random
import sys
from types import SimpleNamespace

from PLRsearch import Integrator
from PLRsearch import PLRsearch as module
from PLRsearch import stat_trackers

MIN_LOAD, MAX_LOAD, TARGET = 9001.0, 14880952.0, 1e-7
TRIALS, SAMPLES = int(sys.argv[1]), int(sys.argv[2])

# Capacity in frames per second, and spread of the exponential tail of loss below it.
DEVICES = {"sharp": (8.2e6, 2e3), "soft": (4.1e6, 5e4), "broad": (1.1e7, 2.5e5)}


class Device:
    """Loses on average what the exponential curve says; how much in each trial is of a geometric distribution."""

    def __init__(self, name):
        self.capacity, self.spread = DEVICES[name]
        self.random = random.Random(name)

    def loss_pps(self, load):
        return self.spread * (math.log1p(math.exp(min(700, (load - self.capacity) / self.spread))))

    def critical_pps(self):
        low, high = MIN_LOAD, MAX_LOAD
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (low, middle) if self.loss_pps(middle) / middle > TARGET else (middle, high)
        return low

    def forward(self, load, seconds):
        intended = int(load * seconds + 0.5)
        mean = self.loss_pps(load) * seconds
        lost = int(math.log(1 - self.random.random()) / -math.log1p(1 / mean)) if mean > 0 else 0
        return intended, max(0, intended - min(lost, intended))


class Pipe:
    """Both ends of a pipe to a worker that runs here."""

    def __init__(self, asked):
        self.asked, self.told = asked, None

    def recv(self):
        return self.asked

    def poll(self, *_):
        return False

    def send(self, told):
        self.told = told


class Search(module.PLRsearch):
    def measure_and_compute(self, duration, load, results, min_rate, max_rate, trackers=(None, None), max_samples=None):
        def estimated(fit, tracker):
            if tracker is None:
                tracker = stat_trackers.VectorStatTracker(2)
                tracker.unit_reset()

            def value_logweight(trace, x_mrr, x_spread):
                mrr = max_rate * (1.0 / (x_mrr + 1.0) - 0.5) + 1.0
                spread = math.exp((x_spread + 1.0) / 2.0 * math.log(mrr))
                weight = self.log_weight(trace, fit, results, mrr, spread)
                found = self.find_critical_rate(trace, fit, min_rate, max_rate, TARGET, mrr, spread)
                return math.log(found), weight

            pipe = Pipe((2, value_logweight, tracker, SAMPLES))
            Integrator.estimate_nd(pipe, 5.0)
            return module._PartialResult(pipe.told[0], pipe.told[1], pipe.told[4])

        stretch, erf = estimated(self.lfit_stretch, trackers[0]), estimated(self.lfit_erf, trackers[1])
        measured = self.measurer.measure(duration, load)
        computed = self._get_result(measured, stretch, erf)
        name, row = self.measurer.name, self.measurer.row
        values = [computed.avg, computed.stdev, computed.stretch_exp_avg, computed.erf_exp_avg]
        print(",".join([name, *map(str, row), *(f"{value:.1f}" for value in values)]), flush=True)
        return computed


class Measurer:
    def __init__(self, name):
        self.name, self.device, self.row = name, Device(name), []

    def measure(self, duration, load):
        intended, received = self.device.forward(load, duration)
        clock.now += 1
        self.row = [load, round(duration * 1000), intended, received]
        return SimpleNamespace(
            intended_load=load, intended_duration=duration, intended_count=intended, offered_count=intended,
            loss_count=intended - received, loss_ratio=(intended - received) / intended,
            relative_forwarding_rate=received / duration,
        )


clock = SimpleNamespace(now=0)
module.time = SimpleNamespace(time=lambda: clock.now)
Integrator.dill = SimpleNamespace(loads=lambda function: function)
print(f"# PLRsearch of FD.io CSIT 78e52b9c, {SAMPLES} samples of its integrator: python plrsearch.py {TRIALS} {SAMPLES}")
print(f"# loss ratio {TARGET}, loads from {MIN_LOAD} to {MAX_LOAD}, trials from 5.1 s on, each 0.1 s longer; each line's estimate is by the trials above it")
for name in DEVICES:
    print(f"# {name}: critical load {Device(name).critical_pps():.1f}")
print("device,loadPps,durationMs,intended,received,averagePps,stdevPps,stretchPps,erfPps")
for name in DEVICES:
    clock.now = 0
    Search(Measurer(name), 0.1, TARGET, 50, TRIALS - 1).search(MIN_LOAD, MAX_LOAD)
