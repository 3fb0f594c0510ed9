// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- ungrouped
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()

// ---- by host
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r._field == "usage" or r._field == "temp")
    |> group(columns: ["host"])

// ---- by a tag that some lack
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["region"])

// ---- by two tags
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["region", "host"])

// ---- by two in another order
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["host", "_field"])
    |> count()

// ---- all but one
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["_time", "_value", "host"], mode: "except")

// ---- grouped mean
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["region"])
    |> mean()

// ---- ungrouped count
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> count()

// ---- ungrouped sum
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> sum()

// ---- ungrouped min
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> min()

// ---- ungrouped max
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> max()

// ---- ungrouped first
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> first()

// ---- ungrouped last
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> last()

// ---- by region last
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["region"])
    |> last()

// ---- by region and field max
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r._field == "usage")
    |> group(columns: ["region", "_field"])
    |> max()

// ---- group and aggregateWindow mean
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> aggregateWindow(every: 2h, fn: mean)

// ---- group by region and aggregateWindow sum
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["region"])
    |> aggregateWindow(every: 2h, fn: sum, createEmpty: false)

// ---- group by host and aggregateWindow max
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["host"])
    |> aggregateWindow(every: 2h, fn: max)

// ---- windows, then groups
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> aggregateWindow(every: 2h, fn: mean)
    |> group(columns: ["_time"])
    |> sum()

// ---- sum over hosts for each time
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group(columns: ["_time"])
    |> sum()
    |> group()

// ---- grouped quantile
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> quantile(q: 0.95)

// ---- mixed types cannot be one
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" or r._field == "jobs")
    |> group()

// ---- sorted after group
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> sort(columns: ["_time", "host"])

// ---- count by measurement
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> group(columns: ["_measurement"])
    |> count()

// ---- distinct hosts
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> keep(columns: ["host"])
    |> group()
    |> distinct(column: "host")
