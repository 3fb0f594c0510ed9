"""Sketches as docs/SKETCHES.md tells of them, read and merged without any of tsagg's code; everything here is slow and exact."""
import base64
import collections
import fractions

KEYS = 73430


class Sketch:
    """DDSketch: {bucket: weight}."""

    def __init__(self, limit=2048):
        self.limit, self.counts = limit, collections.Counter()

    @classmethod
    def decode(cls, text):
        data = base64.b64decode(text, validate=True)
        assert data[:2] == b"D\1" and data[2] in (0, 1), data[:3]
        unit = fractions.Fraction(1, 65536 if data[2] else 1)
        numbers = varints(data[3:])
        limit, total, negative, zero, positive = (next(numbers) for _ in range(5))
        self = cls(limit)
        bucket = 0
        for i in range(negative):
            bucket = -next(numbers) if i == 0 else bucket + next(numbers)
            self.counts[bucket] = next(numbers) * unit
        if zero:
            self.counts[0] = zero * unit
        bucket = 0
        for _ in range(positive):
            bucket += next(numbers)
            self.counts[bucket] = next(numbers) * unit
        assert next(numbers, None) is None, "more bytes than buckets"
        assert sum(self.counts.values()) == total * unit, "the sum is wrong"
        assert all(-KEYS <= bucket <= KEYS and count > 0 for bucket, count in self.counts.items())
        return self

    def add(self, value, weight=1):
        self.counts[bucket_of(value)] += weight

    def merge(self, other):
        self.counts.update(other.counts)

    def quantile(self, q):
        at, so_far = fractions.Fraction(str(q)) * sum(self.counts.values()), 0
        for bucket in sorted(self.counts):
            so_far += self.counts[bucket]
            if so_far >= at:
                return middle(bucket)
        return None


def varints(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
    assert shift == 0, "ends in the middle of a number"


def octave_place(s):
    """Which of the 35 buckets of an octave; s in 28 bits."""
    slope = (50 << 28) - ((((21 << 28) - 6 * s) * s) >> 28)
    return slope * s >> 56


def bucket_of(value):
    if value == 0:
        return 0
    mantissa, exponent = float(abs(value)).hex()[2:].split("p")
    bits = fractions.Fraction(abs(value)) / fractions.Fraction(2) ** int(exponent) if mantissa[0] == "1" else None
    exponent = int(exponent)
    if bits is None:  # below 2^-1022
        bits = fractions.Fraction(abs(value))
        exponent = 0
        while bits < 1:
            bits *= 2
            exponent -= 1
    bucket = 35 * (exponent + 1074) + 1 + octave_place(int((bits - 1) * 2 ** 28))
    return bucket if value > 0 else -bucket


def first_of(place):
    """The least s of a bucket within its octave."""
    low, high = 0, 1 << 28
    while low < high:
        mid = (low + high) // 2
        low, high = (low, mid) if octave_place(mid) >= place else (mid + 1, high)
    return low


def middle(bucket):
    if bucket == 0:
        return 0.0
    octave, place = divmod(abs(bucket) - 1, 35)
    low, high = (1 + fractions.Fraction(first_of(p), 1 << 28) if p < 35 else fractions.Fraction(2) for p in (place, place + 1))
    value = float(2 * low * high / (low + high) * fractions.Fraction(2) ** (octave - 1074))
    return value if bucket > 0 else -value
