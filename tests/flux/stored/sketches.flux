import "tsagg"

api = from(bucket: "b")
    |> range(start: 2023-11-14T22:00:00Z, stop: 2023-11-15T02:00:00Z)
    |> filter(fn: (r) => r._measurement == "api")
times = api
    |> filter(fn: (r) => r._field == "sketch")
    |> group()

times
    |> tsagg.quantile(q: 0.5)
    |> yield(name: "median")
times
    |> tsagg.merge()
    |> yield(name: "merged")
api
    |> filter(fn: (r) => r._field == "users_sketch")
    |> group()
    |> tsagg.distinct()
    |> yield(name: "users")
