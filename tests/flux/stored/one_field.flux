from(bucket: "b")
    |> range(start: 2023-11-14T22:00:00Z, stop: 2023-11-15T02:00:00Z)
    |> filter(fn: (r) => r._measurement == "cpu" and r._field == "usage")
