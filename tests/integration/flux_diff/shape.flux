// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- pivot of fields
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r._field == "usage" or r._field == "temp")
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")

// ---- pivot of different types
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r.host == "alpha")
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")

// ---- pivot of hosts
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> group()
    |> pivot(rowKey: ["_time"], columnKey: ["host"], valueColumn: "_value")

// ---- fieldsAsCols
import "influxdata/influxdb/schema"
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r.host == "beta")
    |> schema.fieldsAsCols()

// ---- pivot and a calculation
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu")
    |> filter(fn: (r) => r._field == "usage" or r._field == "temp")
    |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")
    |> map(fn: (r) => ({_time: r._time, host: r.host, ratio: r.usage / r.temp}))

// ---- join of two fields
a = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and r.host == "alpha")
b = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "temp" and r.host == "alpha")
join(tables: {a: a, b: b}, on: ["_time", "host"])

// ---- join and difference
a = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and r.host == "alpha")
b = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and r.host == "beta")
join(tables: {a: a, b: b}, on: ["_time"]) |> map(fn: (r) => ({_time: r._time, _value: r._value_a - r._value_b}))

// ---- inner join of the package
import "join"
l = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and r.host == "alpha")
    |> group()
r = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "temp" and r.host == "alpha")
    |> group()
join.inner(left: l, right: r, on: (l, r) => l._time == r._time, as: (l, r) => ({_time: l._time, usage: l._value, temp: r._value}))

// ---- union
a = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> limit(n: 2)
b = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._field == "usage" and r.host == "beta")
    |> limit(n: 2)
union(tables: [a, b]) |> group(columns: ["host"])

// ---- map with a condition
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({r with level: if r._value > 70.0 then "high" else if r._value > 40.0 then "middle" else "low"}))

// ---- map with text
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({_time: r._time, text: "${r.host}: ${string(v: r._value)}"}))

// ---- map to integers
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({r with _value: int(v: r._value)}))

// ---- toInt and toString
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> toInt()
    |> toString()
    |> limit(n: 3)

// ---- map over a missing column
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> map(fn: (r) => ({r with region: if exists r.region then r.region else "none"}))

// ---- strings of the library
import "strings"
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({r with host: strings.toUpper(v: r.host)}))
    |> limit(n: 2)

// ---- calendar
import "date"
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({_time: r._time, hour: date.hour(t: r._time), day: date.weekDay(t: r._time)}))

// ---- math
import "math"
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({r with _value: math.round(x: r._value * 10.0) / 10.0}))

// ---- findRecord
rec = (from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> mean()
    |> findRecord(fn: (key) => true, idx: 0))
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> map(fn: (r) => ({_time: r._time, off: r._value - rec._value}))
    |> limit(n: 3)

// ---- findColumn
import "array"
hosts = from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
    |> keep(columns: ["host"])
    |> distinct(column: "host")
    |> group()
    |> sort()
    |> findColumn(fn: (key) => true, column: "_value")
array.from(rows: [{n: length(arr: hosts), first: hosts[0]}])

// ---- columns and keys
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> keys()

// ---- columns of a table
from(bucket: "b") |> range(start: 2024-03-30T12:00:00Z, stop: 2024-03-30T18:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage" and r.host == "alpha")
    |> columns()
