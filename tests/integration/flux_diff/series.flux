// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- difference
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> difference()

// ---- difference non-negative
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> difference(nonNegative: true)

// ---- derivative
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> derivative(unit: 1m)

// ---- derivative non-negative and mean
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._field == "bytes")
    |> derivative(unit: 1s, nonNegative: true)
    |> mean()

// ---- cumulative sum
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> cumulativeSum()

// ---- increase
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "bytes")
    |> increase()

// ---- moving average
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> movingAverage(n: 5)

// ---- exponential moving average
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> exponentialMovingAverage(n: 5)

// ---- integral
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> integral(unit: 1h)

// ---- integral interpolated
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> integral(unit: 1h, interpolate: "linear")

// ---- elapsed
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> elapsed(unit: 1m)

// ---- time shift
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> timeShift(duration: -1h)
    |> limit(n: 2)

// ---- state duration
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> stateDuration(fn: (r) => r._value > 50.0, unit: 1m)

// ---- state count
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> stateCount(fn: (r) => r._value > 50.0)

// ---- fill null of a pivot
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r.host == "gamma")
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> fill(column: "temp", value: -1.0)

// ---- covariance
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r.host == "alpha" and (r._field == "usage" or r._field == "temp"))
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> covariance(columns: ["usage", "temp"])

// ---- hour selection
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> hourSelection(start: 9, stop: 10)

// ---- sample
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> sample(n: 50, pos: 3)
