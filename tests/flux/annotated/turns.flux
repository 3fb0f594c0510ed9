import "array"
import j "join"

t = array.from(rows: [
 {_time: 2020-01-01T00:00:00Z, _measurement: "m", host: "b", _field: "x", _value: 4.0},
 {_time: 2020-01-01T00:00:10Z, _measurement: "m", host: "a", _field: "x", _value: 1.0},
 {_time: 2020-01-01T00:00:20Z, _measurement: "m", host: "b", _field: "y", _value: 2.0},
 {_time: 2020-01-01T00:00:30Z, _measurement: "m", host: "a", _field: "y", _value: 5.0},
 {_time: 2020-01-01T00:01:40Z, _measurement: "m", host: "b", _field: "x", _value: 7.5},
 {_time: 2020-01-01T00:02:50Z, _measurement: "m", host: "a", _field: "x", _value: 9.0}])
g = t |> group(columns: ["_measurement", "host", "_field"])
r = g |> range(start: 2020-01-01T00:00:00Z, stop: 2020-01-01T00:04:00Z)

r |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value") |> yield(name: "q01")
r |> group() |> pivot(rowKey: ["_time"], columnKey: ["host", "_field"], valueColumn: "_value") |> yield(name: "q02")
join(tables: {a: r |> filter(fn: (r) => r._field == "x"), b: r |> filter(fn: (r) => r._field == "y")}, on: ["host"]) |> yield(name: "q03")
join(tables: {a: r |> group(), b: r |> group()}, on: ["_time", "host"]) |> yield(name: "q04")
union(tables: [r |> filter(fn: (r) => r._field == "x"), r |> filter(fn: (r) => r._field == "y")]) |> yield(name: "q05")
j.full(left: g |> group() |> filter(fn: (r) => r._field == "x"), right: g |> group() |> filter(fn: (r) => r._field == "y"), on: (l, r) => l.host == r.host, as: (l, r) => ({host: if exists l.host then l.host else r.host, a: l._value, b: r._value})) |> yield(name: "q06")
