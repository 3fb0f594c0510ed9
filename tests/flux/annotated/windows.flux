import "array"

t = array.from(rows: [
 {_time: 2020-01-01T00:00:00Z, _measurement: "m", host: "b", _field: "x", _value: 4.0},
 {_time: 2020-01-01T00:00:10Z, _measurement: "m", host: "a", _field: "x", _value: 1.0},
 {_time: 2020-01-01T00:00:20Z, _measurement: "m", host: "b", _field: "y", _value: 2.0},
 {_time: 2020-01-01T00:00:30Z, _measurement: "m", host: "a", _field: "y", _value: 5.0},
 {_time: 2020-01-01T00:01:40Z, _measurement: "m", host: "b", _field: "x", _value: 7.5},
 {_time: 2020-01-01T00:02:50Z, _measurement: "m", host: "a", _field: "x", _value: 9.0}])
g = t |> group(columns: ["_measurement", "host", "_field"])
r = g |> range(start: 2020-01-01T00:00:00Z, stop: 2020-01-01T00:04:00Z)

r |> aggregateWindow(every: 1m, fn: mean) |> yield(name: "q01")
r |> aggregateWindow(every: 1m, fn: mean, createEmpty: false) |> yield(name: "q02")
r |> aggregateWindow(every: 1m, fn: last) |> yield(name: "q03")
r |> aggregateWindow(every: 1m, fn: max, createEmpty: false) |> yield(name: "q04")
r |> aggregateWindow(every: 1m, fn: count, timeSrc: "_start") |> yield(name: "q05")
r |> aggregateWindow(every: 1m, fn: (column, tables=<-) => tables |> quantile(q: 0.9, column: column)) |> yield(name: "q06")
r |> group() |> aggregateWindow(every: 1m, fn: sum) |> yield(name: "q07")
r |> group(columns: ["host"]) |> aggregateWindow(every: 2m, fn: sum) |> yield(name: "q08")
r |> group(columns: ["host"]) |> aggregateWindow(every: 2m, fn: min) |> yield(name: "q09")
r |> window(every: 1m) |> yield(name: "q10")
r |> window(every: 1m) |> mean() |> yield(name: "q11")
r |> window(every: 1m, createEmpty: true) |> count() |> yield(name: "q12")
r |> window(every: 1m, period: 2m) |> sum() |> yield(name: "q13")
r |> aggregateWindow(every: 1m, fn: mean) |> fill(usePrevious: true) |> yield(name: "q14")
r |> aggregateWindow(every: 1m, fn: mean) |> fill(value: 0.0) |> yield(name: "q15")
r |> window(every: 1m) |> last() |> window(every: inf) |> yield(name: "q16")
r |> window(every: 1m) |> sum() |> group(columns: ["host"]) |> yield(name: "q17")
r |> window(every: 1m) |> sum() |> group() |> yield(name: "q18")
r |> aggregateWindow(every: 1mo, fn: count) |> yield(name: "q19")
r |> aggregateWindow(every: 1m, offset: 30s, fn: count) |> yield(name: "q20")
