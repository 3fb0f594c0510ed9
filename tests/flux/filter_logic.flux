// and, or, not and null: what is not true is not kept.
import "array"
import "internal/debug"

array.from(rows: [
    {id: 1, a: true, b: debug.null(type: "bool")},
    {id: 2, a: false, b: debug.null(type: "bool")},
    {id: 3, a: true, b: true},
    {id: 4, a: false, b: false},
])
    |> filter(fn: (r) => (r.a and r.b) or (not r.a and not r.b))
