// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- everything of an hour
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T13:00:00Z)

// ---- one measurement
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")

// ---- one field of one host
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")

// ---- two filters in a row
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r._field == "jobs")

// ---- hosts by or
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and (r.host == "alpha" or r.host == "gamma"))

// ---- a regular expression
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r.host =~ /^(al|be)/ and r._field == "usage")

// ---- not a regular expression
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r.host !~ /a$/ )

// ---- a tag that some lack
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r.region == "eu")

// ---- a tag that exists
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => exists r.region and r._field == "usage")

// ---- a tag that is absent
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => not exists r.region and r._field == "usage")

// ---- a value above
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value > 60.0)

// ---- series and value in one filter
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r._value <= 45.5)

// ---- integers compared with a float
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "jobs")
    |> filter(fn: (r) => r._value > 3.5)

// ---- strings by value
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "state" and r._value == "busy")

// ---- booleans by value
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "up" and r._value)

// ---- a function that no storage knows
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value * 2.0 > 120.0)

// ---- contains
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and contains(value: r.host, set: ["beta", "gamma"]))

// ---- time of day
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> filter(fn: (r) => r._time >= 2024-03-30T15:00:00Z)

// ---- nothing of that name
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "nothing")

// ---- nothing above that value
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value > 1000.0)

// ---- empty tables are kept
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> filter(fn: (r) => r._value > 1000.0, onEmpty: "keep")

// ---- before all data
from(bucket: "b") |> range(start: 2001-01-01T00:00:00Z, stop: 2001-01-02T00:00:00Z)

// ---- range within range
from(bucket: "b") |> range(start: 2024-03-30T00:00:00Z, stop: 2024-04-01T00:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T13:00:00Z)

// ---- relative range
option now = () => 2024-03-30T18:00:00Z
from(bucket: "b")
    |> range(start: -2h)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")

// ---- relative start and stop
option now = () => 2024-03-31T00:00:00Z
from(bucket: "b")
    |> range(start: -12h, stop: -10h)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")

// ---- range in seconds
from(bucket: "b")
    |> range(start: 1711800000, stop: 1711803600)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")

// ---- variables as dashboards have them
v = {timeRangeStart: 2024-03-30T12:00:00Z, timeRangeStop: 2024-03-30T13:00:00Z}
from(bucket: "b")
    |> range(start: v.timeRangeStart, stop: v.timeRangeStop)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")

// ---- limit
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> limit(n: 3)

// ---- limit with offset
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> limit(n: 2, offset: 5)

// ---- tail
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> tail(n: 2)

// ---- sort by value and limit
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> sort(columns: ["_value"], desc: true)
    |> limit(n: 3)

// ---- keep columns
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> keep(columns: ["_time", "_value", "host"])

// ---- drop columns
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> drop(columns: ["_start", "_stop", "region"])

// ---- drop columns by pattern
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> drop(fn: (column) => column =~ /^_(start|stop)/)

// ---- rename
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> rename(columns: {_value: "usage", host: "server"})

// ---- set and duplicate
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> set(key: "unit", value: "%")
    |> duplicate(column: "_value", as: "copy")
    |> limit(n: 2)

// ---- no range
from(bucket: "b") |> limit(n: 1)

// ---- no such bucket
from(bucket: "nothing") |> range(start: 0)

// ---- several yields
cpu = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
cpu |> first() |> yield(name: "first")
cpu |> last() |> yield(name: "last")
