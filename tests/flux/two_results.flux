import "array"

d = array.from(rows: [{v: 3}, {v: 1}])

d
    |> sort(columns: ["v"])
    |> yield(name: "sorted")
d
    |> max(column: "v")
    |> yield(name: "largest")
