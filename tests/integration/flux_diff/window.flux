// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- aggregateWindow mean
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: mean)

// ---- aggregateWindow sum
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: sum)

// ---- aggregateWindow count
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: count)

// ---- aggregateWindow min
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: min)

// ---- aggregateWindow max
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: max)

// ---- aggregateWindow first
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: first)

// ---- aggregateWindow last
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: last)

// ---- aggregateWindow median
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: median)

// ---- aggregateWindow mean without empty ones
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 3h, fn: mean, createEmpty: false)

// ---- aggregateWindow count without empty ones
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 3h, fn: count, createEmpty: false)

// ---- aggregateWindow last without empty ones
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 3h, fn: last, createEmpty: false)

// ---- aggregateWindow max without empty ones
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 3h, fn: max, createEmpty: false)

// ---- windows that begin outside
from(bucket: "b")
    |> range(start: 2024-03-30T12:25:00Z, stop: 2024-03-30T14:40:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: mean)

// ---- offset
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, offset: 15m, fn: sum)

// ---- time of the start
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1h, fn: mean, timeSrc: "_start")

// ---- overlapping windows
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> aggregateWindow(every: 1h, period: 2h, fn: mean)

// ---- days
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1d, fn: mean)

// ---- days in Berlin over the change of clocks
import "timezone"
option location = timezone.location(name: "Europe/Berlin")
from(bucket: "b")
    |> range(start: 2024-03-29T23:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1d, fn: count)

// ---- days with a fixed offset
import "timezone"
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 1d, fn: sum, location: timezone.fixed(offset: -5h))

// ---- months
from(bucket: "b")
    |> range(start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "bill")
    |> aggregateWindow(every: 1mo, fn: sum)

// ---- months in New York
import "timezone"
option location = timezone.location(name: "America/New_York")
from(bucket: "b")
    |> range(start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "bill")
    |> aggregateWindow(every: 1mo, fn: sum)

// ---- weeks
from(bucket: "b")
    |> range(start: 2024-01-01T00:00:00Z, stop: 2024-03-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "bill")
    |> aggregateWindow(every: 1w, fn: count)

// ---- years
from(bucket: "b")
    |> range(start: 2023-01-01T00:00:00Z, stop: 2025-01-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "bill")
    |> aggregateWindow(every: 1y, fn: mean)

// ---- window and mean
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> window(every: 2h)
    |> mean()

// ---- window and last
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> window(every: 2h)
    |> last()

// ---- window with empty ones and count
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> window(every: 1h, createEmpty: true)
    |> count()

// ---- window alone
from(bucket: "b")
    |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T13:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> window(every: 30m)

// ---- windows put together again
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> window(every: 2h)
    |> mean()
    |> duplicate(column: "_stop", as: "_time")
    |> window(every: inf)

// ---- a function of the script
p90 = (column, tables=<-) => tables |> quantile(q: 0.9, column: column, method: "exact_mean")
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 2h, fn: p90)

// ---- a function literal
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 2h, fn: (column, tables=<-) => tables |> quantile(q: 0.5, column: column, method: "exact_selector"))

// ---- integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> aggregateWindow(every: 2h, fn: mean)

// ---- sum of integers with empty windows
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> aggregateWindow(every: 6h, fn: sum)

// ---- booleans and strings: count
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state" or r._field == "up")
    |> aggregateWindow(every: 3h, fn: count)

// ---- strings: last
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state")
    |> aggregateWindow(every: 3h, fn: last)

// ---- filter on value and window
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value > 50.0)
    |> aggregateWindow(every: 6h, fn: mean)

// ---- fill previous after window
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> aggregateWindow(every: 2h, fn: mean)
    |> fill(usePrevious: true)

// ---- fill with a value after window
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> aggregateWindow(every: 2h, fn: mean)
    |> fill(value: 0.0)

// ---- timedMovingAverage
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> timedMovingAverage(every: 1h, period: 2h)

// ---- truncateTimeColumn
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> truncateTimeColumn(unit: 1h)
