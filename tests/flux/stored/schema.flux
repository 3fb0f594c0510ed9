import "influxdata/influxdb/schema"

start = 2023-11-01T00:00:00Z
stop = 2023-12-01T00:00:00Z

schema.measurements(bucket: "b", start, stop) |> yield(name: "measurements")
schema.tagKeys(bucket: "b", predicate: (r) => r._measurement == "cpu", start, stop)
    |> yield(name: "tag keys")
schema.tagValues(bucket: "b", tag: "host", start, stop) |> yield(name: "hosts")
schema.measurementFieldKeys(bucket: "b", measurement: "mem", start, stop) |> yield(name: "fields")
