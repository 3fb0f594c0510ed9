// Every kind of operator over columns: nulls go through, integers stay integers, strings are put together.
import "array"
import "internal/debug"

array.from(rows: [
    {a: 7, b: 2.0, s: "x"},
    {a: -7, b: 0.5, s: "y"},
    {a: debug.null(type: "int"), b: 1.0, s: "z"},
])
    |> map(fn: (r) => ({
        q: r.a / 2,
        m: r.a % 3,
        f: float(v: r.a) * r.b,
        lt: r.a < 0 or r.s == "z",
        t: "${r.s}=${r.b}",
        c: if r.a > 0 then "plus" else "not",
    }))
