import "array"
import "interpolate"

t = array.from(rows: [
 {_time: 2020-01-01T00:00:00Z, _measurement: "m", host: "b", _field: "x", _value: 4.0},
 {_time: 2020-01-01T00:00:10Z, _measurement: "m", host: "a", _field: "x", _value: 1.0},
 {_time: 2020-01-01T00:00:20Z, _measurement: "m", host: "b", _field: "y", _value: 2.0},
 {_time: 2020-01-01T00:00:30Z, _measurement: "m", host: "a", _field: "y", _value: 5.0},
 {_time: 2020-01-01T00:01:40Z, _measurement: "m", host: "b", _field: "x", _value: 7.5},
 {_time: 2020-01-01T00:02:50Z, _measurement: "m", host: "a", _field: "x", _value: 9.0}])
g = t |> group(columns: ["_measurement", "host", "_field"])
r = g |> range(start: 2020-01-01T00:00:00Z, stop: 2020-01-01T00:04:00Z)

r |> group(columns: ["host"], mode: "except") |> yield(name: "q01")
r |> group(columns: ["_time", "_value"], mode: "except") |> yield(name: "q02")
r |> drop(columns: ["host"]) |> yield(name: "q03")
r |> keep(columns: ["_value", "_time"]) |> yield(name: "q04")
r |> rename(columns: {host: "server"}) |> yield(name: "q05")
r |> duplicate(column: "host", as: "h2") |> yield(name: "q06")
r |> set(key: "host", value: "z") |> yield(name: "q07")
r |> set(key: "new", value: "z") |> yield(name: "q08")
r |> keys() |> yield(name: "q09")
r |> group() |> columns() |> yield(name: "q10")
r |> keyValues(keyColumns: ["host"]) |> yield(name: "q11")
r |> group() |> rename(fn: (column) => column + "_x") |> yield(name: "q12")
r |> drop(fn: (column) => column =~ /^_/) |> yield(name: "q13")
t |> group(columns: ["_value"]) |> yield(name: "q14")
t |> group(columns: ["_time"]) |> yield(name: "q15")
g |> keep(columns: ["_time","_value"]) |> interpolate.linear(every: 10s) |> yield(name: "q16")
