"""The simulated device of simulated-device.ts, number by number: whole-number random values, and no arithmetic but + - * / on doubles."""

from math import floor

MASK = 0xFFFFFFFF

#: Spread, hysteresis, drop, period [s] and lossy seconds of each behaviour, as in simulated-device.ts.
BEHAVIOURS = {
    "steady": (0.0, 0.0, 0.0, 1.0, 0.0),
    "noisy": (0.002, 0.0, 0.0, 1.0, 0.0),
    "rough": (0.01, 0.0, 0.0, 1.0, 0.0),
    "hysteretic": (0.001, 0.01, 0.0, 1.0, 0.0),
    "varying": (0.001, 0.0, 0.03, 40.0, 0.0),
    "lossy": (0.001, 0.0, 0.0, 1.0, 0.1),
}

MAX_LOAD = 14_880_952.0


class Random:
    """PCG-RXS-M-XS 32/32."""

    def __init__(self, seed):
        self.state = seed & MASK
        self.next()
        self.next()

    def next(self):
        self.state = (self.state * 747796405 + 2891336453) & MASK
        shift = (self.state >> 28) + 4
        word = (((self.state >> shift) ^ self.state) * 277803737) & MASK
        return (((word >> 22) ^ word) + 0.5) / 4294967296

    def bell(self):
        """Sum of six uniform values: nearly normal, variance 0.5, without a function that libraries round differently."""
        total = 0.0
        for _ in range(6):
            total += self.next()
        return total - 3.0


class Device:
    def __init__(self, behaviour, seed):
        self.spread, self.hysteresis, self.drop, self.period, self.lossy = BEHAVIOURS[behaviour]
        self.random = Random(seed)
        self.capacity = MAX_LOAD * (0.05 + 0.85 * self.random.next())
        self.elapsed = 0.0
        self.overloaded = False

    def forward(self, load, seconds):
        """Frames intended and received in one trial."""
        noise = self.random.bell()
        unlucky = self.random.next()
        burst = self.random.next()
        capacity = self.capacity * (1.0 + self.spread * noise)
        if self.overloaded:
            capacity = capacity * (1.0 - self.hysteresis)
        phase = self.elapsed / self.period
        if phase - floor(phase) >= 0.7:
            capacity = capacity * (1.0 - self.drop)
        intended = floor(load * seconds + 0.5)
        received = min(intended, floor(capacity * seconds))
        self.overloaded = received < intended
        if unlucky < self.lossy * seconds:
            received = max(0, received - (1 + floor(burst * 20.0)))
        self.elapsed += seconds
        return intended, received
