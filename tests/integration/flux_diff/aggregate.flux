// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- count of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> count()

// ---- sum of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> sum()

// ---- mean of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> mean()

// ---- min of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> min()

// ---- max of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> max()

// ---- first of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> first()

// ---- last of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> last()

// ---- median of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> median()

// ---- spread of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> spread()

// ---- stddev of each series
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> stddev()

// ---- count of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> count()

// ---- sum of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> sum()

// ---- mean of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> mean()

// ---- min of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> min()

// ---- max of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> max()

// ---- first of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> first()

// ---- last of integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> last()

// ---- count of strings and booleans
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state" or r._field == "up")
    |> count()

// ---- first and last of strings
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state")
    |> last()

// ---- unsigned integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "bytes")
    |> sum()

// ---- mean of unsigned integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "bytes")
    |> mean()

// ---- last over two days
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> last()

// ---- first over two days
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> first()

// ---- max over two days
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> max()

// ---- min over two days
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> min()

// ---- filter on value and count
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value > 50.0)
    |> count()

// ---- filter on value and max
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value < 50.0)
    |> max()

// ---- quantile by t-digest
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> quantile(q: 0.9)

// ---- quantile exact mean
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> quantile(q: 0.9, method: "exact_mean")

// ---- quantile exact selector
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> quantile(q: 0.9, method: "exact_selector")

// ---- histogram
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> histogram(bins: [20.0, 40.0, 60.0, 80.0, 100.0])

// ---- histogram with linear bins
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> histogram(bins: linearBins(start: 0.0, width: 25.0, count: 4), normalize: true)

// ---- histogram and its quantile
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> histogram(bins: [20.0, 40.0, 60.0, 80.0, 100.0])
    |> histogramQuantile(quantile: 0.5, minValue: 0.0)

// ---- distinct values
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state")
    |> distinct()

// ---- unique values
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state")
    |> unique()

// ---- mode
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> mode()

// ---- top
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> top(n: 2)

// ---- bottom
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> bottom(n: 2)

// ---- top of all
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> top(n: 3)
    |> keep(columns: ["_time", "_value", "host"])

// ---- highestMax
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> highestMax(n: 1, groupColumns: ["host"])

// ---- reduce
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> reduce(fn: (r, accumulator) => ({n: accumulator.n + 1, total: accumulator.total + r._value}), identity: {n: 0, total: 0.0})

// ---- map and sum
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> map(fn: (r) => ({r with _value: r._value * 2.0 + 1.0}))
    |> sum()

// ---- count of nothing
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "nothing")
    |> count()

// ---- sum of strings
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state")
    |> sum()

// ---- count with column
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> count(column: "_value")
