import "array"

array.from(rows: [{a: 1}, {a: 0}]) |> map(fn: (r) => ({b: 10 / r.a}))
