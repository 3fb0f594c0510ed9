import "array"
import "experimental"

t = array.from(rows: [
 {_time: 2020-01-01T00:00:00Z, _measurement: "m", host: "b", _field: "x", _value: 4.0},
 {_time: 2020-01-01T00:00:10Z, _measurement: "m", host: "a", _field: "x", _value: 1.0},
 {_time: 2020-01-01T00:00:20Z, _measurement: "m", host: "b", _field: "y", _value: 2.0},
 {_time: 2020-01-01T00:00:30Z, _measurement: "m", host: "a", _field: "y", _value: 5.0},
 {_time: 2020-01-01T00:01:40Z, _measurement: "m", host: "b", _field: "x", _value: 7.5},
 {_time: 2020-01-01T00:02:50Z, _measurement: "m", host: "a", _field: "x", _value: 9.0}])
g = t |> group(columns: ["_measurement", "host", "_field"])
r = g |> range(start: 2020-01-01T00:00:00Z, stop: 2020-01-01T00:04:00Z)

t |> yield(name: "q01")
g |> yield(name: "q02")
r |> yield(name: "q03")
r |> group(columns: ["_field"]) |> sort(columns: ["_value"], desc: true) |> yield(name: "q04")
r |> difference() |> yield(name: "q05")
r |> group(columns: ["host"]) |> cumulativeSum() |> yield(name: "q06")
r |> group(columns: ["host"]) |> movingAverage(n: 2) |> yield(name: "q07")
r |> group(columns: ["host"]) |> elapsed(unit: 1s) |> yield(name: "q08")
r |> group(columns: ["host"]) |> limit(n: 1) |> yield(name: "q09")
r |> group(columns: ["host"]) |> tail(n: 1) |> yield(name: "q10")
r |> timeShift(duration: 1h) |> yield(name: "q11")
r |> group(columns: ["host"]) |> fill(column: "nope", value: 1.0) |> yield(name: "q12")
r |> group() |> sample(n: 2, pos: 1) |> yield(name: "q13")
r |> increase() |> yield(name: "q14")
r |> group(columns: ["host"]) |> exponentialMovingAverage(n: 2) |> yield(name: "q15")
r |> group(columns: ["host"]) |> doubleEMA(n: 2) |> yield(name: "q16")
r |> group(columns: ["host"]) |> relativeStrengthIndex(n: 2) |> yield(name: "q17")
r |> group(columns: ["host"]) |> kaufmansAMA(n: 2) |> yield(name: "q18")
r |> group(columns: ["host"]) |> tripleExponentialDerivative(n: 1) |> yield(name: "q19")
r |> group(columns: ["host"]) |> movingAverage(n: 20) |> yield(name: "q20")
r |> group(columns: ["host"]) |> exponentialMovingAverage(n: 20) |> yield(name: "q21")
r |> stateCount(fn: (r) => r._value > 1.0) |> yield(name: "q22")
g |> experimental.group(mode: "extend", columns: ["_time"]) |> yield(name: "q23")
r |> group(columns: ["host"]) |> experimental.fill(value: 1.0) |> yield(name: "q24")
