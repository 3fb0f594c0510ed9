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

r |> map(fn: (r) => ({r with _value: r._value * 2.0})) |> yield(name: "q01")
r |> map(fn: (r) => ({_time: r._time, v: r._value, host: r.host})) |> yield(name: "q02")
r |> map(fn: (r) => ({r with level: if r._value > 4.0 then "high" else "low", txt: "h=${r.host}"})) |> yield(name: "q03")
r |> group(columns: ["host"]) |> reduce(fn: (r, accumulator) => ({s: accumulator.s + r._value, n: accumulator.n + 1}), identity: {s: 0.0, n: 0}) |> yield(name: "q04")
r |> truncateTimeColumn(unit: 1m) |> yield(name: "q05")
r |> toString() |> group() |> yield(name: "q06")
r |> last() |> map(fn: (r) => ({r with _time: 2020-01-01T00:00:00Z})) |> yield(name: "q07")
t |> map(fn: (r) => ({r with _value: uint(v: r._value)})) |> difference() |> yield(name: "q08")
t |> map(fn: (r) => ({r with _value: int(v: r._value)})) |> group(columns: ["_value"]) |> yield(name: "q09")
r |> map(fn: (r) => ({r with z: if r._value > 3.0 then 1 else 2})) |> yield(name: "q10")
r |> map(fn: (r) => ({r with z: r.host =~ /a/})) |> yield(name: "q11")
r |> map(fn: (r) => ({r with z: float(v: r._value)})) |> yield(name: "q12")
r |> map(fn: (r) => ({r with z: "const", a: 1})) |> yield(name: "q13")
r |> map(fn: (r) => ({r with z: not (r._value > 2.0)})) |> yield(name: "q14")
r |> map(fn: (r) => ({r with host: "all"})) |> yield(name: "q15")
r |> map(fn: (r) => { x = r._value return {r with z: x} }) |> yield(name: "q16")
r |> map(fn: (r) => ({r with z: r._time})) |> yield(name: "q17")
r |> map(fn: (r) => ({r with z: 2020-01-01T00:00:00Z})) |> yield(name: "q18")
