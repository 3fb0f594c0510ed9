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

r |> mean() |> yield(name: "q01")
r |> group(columns: ["host"]) |> mean() |> yield(name: "q02")
r |> group(columns: ["host"]) |> first() |> yield(name: "q03")
r |> group() |> histogram(bins: [1.0, 5.0, 10.0]) |> yield(name: "q04")
r |> group() |> quantile(q: 0.5) |> yield(name: "q05")
r |> group() |> quantile(q: 0.5, method: "exact_selector") |> yield(name: "q06")
r |> group() |> quantile(q: 0.5, method: "exact_mean") |> yield(name: "q07")
r |> distinct(column: "host") |> yield(name: "q08")
r |> group() |> distinct(column: "host") |> yield(name: "q09")
r |> group() |> unique(column: "host") |> yield(name: "q10")
r |> group(columns: ["host"]) |> top(n: 1) |> yield(name: "q11")
r |> highestMax(n: 2, groupColumns: ["host"]) |> yield(name: "q12")
r |> highestAverage(n: 1, groupColumns: ["host"]) |> yield(name: "q13")
r |> group() |> spread() |> yield(name: "q14")
r |> group() |> stddev() |> yield(name: "q15")
r |> covariance(columns: ["_value", "_value"]) |> yield(name: "q16")
r |> hourSelection(start: 0, stop: 5) |> yield(name: "q17")
r |> group() |> min() |> yield(name: "q18")
r |> group() |> lowestMin(n: 2) |> yield(name: "q19")
t |> range(start: 2021-01-01T00:00:00Z, stop: 2022-01-01T00:00:00Z) |> yield(name: "q20")
