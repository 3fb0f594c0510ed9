// A column that does not exist reads as null.
import "array"

array.from(rows: [{a: 1}, {a: 2}]) |> filter(fn: (r) => r.a == 2 and not exists r.nothing)
