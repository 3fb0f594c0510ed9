from(bucket: "other") |> range(start: -1h)
