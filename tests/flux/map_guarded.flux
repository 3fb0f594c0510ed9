// A branch that would fail is evaluated only for the rows that take it.
import "array"

array.from(rows: [{a: 0, s: "12"}, {a: 4, s: "no"}])
    |> map(fn: (r) => ({
        a: r.a,
        q: if r.a != 0 then 100 / r.a else int(v: r.s),
        k: r.a != 0 and 8 / r.a > 1,
    }))
