import "array"

array.from(rows: [{a: 1}]) |> fliter(fn: (r) => r.a > 0)
