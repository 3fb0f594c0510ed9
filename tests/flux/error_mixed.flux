import "array"

array.from(rows: [{a: 1, b: 1.5}]) |> map(fn: (r) => ({b: r.a + r.b}))
