from(bucket: "b") |> limit(n: 1)
