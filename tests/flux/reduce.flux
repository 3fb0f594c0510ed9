// 1.5 + 2 + 4 = 7.5; 3 rows; the texts in order.
import "array"

array.from(rows: [{v: 1.5, s: "a"}, {v: 2.0, s: "b"}, {v: 4.0, s: "c"}])
    |> reduce(
        fn: (r, accumulator) => ({
            sum: accumulator.sum + r.v,
            n: accumulator.n + 1,
            all: accumulator.all + r.s,
        }),
        identity: {sum: 0.0, n: 0, all: ""},
    )
