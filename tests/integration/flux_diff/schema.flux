// Queries, each behind a line with its name; see test_flux_diff.py.

// ---- measurements
import "influxdata/influxdb/schema"
schema.measurements(bucket: "b", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- tag keys
import "influxdata/influxdb/schema"
schema.tagKeys(bucket: "b", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- tag keys of a measurement
import "influxdata/influxdb/schema"
schema.measurementTagKeys(bucket: "b", measurement: "cpu", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- tag values
import "influxdata/influxdb/schema"
schema.tagValues(bucket: "b", tag: "host", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- tag values with a predicate
import "influxdata/influxdb/schema"
schema.tagValues(bucket: "b", tag: "host", predicate: (r) => r.region == "eu", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- tag values of a measurement
import "influxdata/influxdb/schema"
schema.measurementTagValues(bucket: "b", measurement: "cpu", tag: "region", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- field keys
import "influxdata/influxdb/schema"
schema.fieldKeys(bucket: "b", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- field keys of a measurement
import "influxdata/influxdb/schema"
schema.measurementFieldKeys(bucket: "b", measurement: "cpu", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- a tag that nobody has
import "influxdata/influxdb/schema"
schema.tagValues(bucket: "b", tag: "nothing", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- nothing in that time
import "influxdata/influxdb/schema"
schema.tagValues(bucket: "b", tag: "host", start: 2001-01-01T00:00:00Z, stop: 2001-02-01T00:00:00Z)

// ---- keys of a measurement that is not there
import "influxdata/influxdb/schema"
schema.measurementTagKeys(bucket: "b", measurement: "nothing", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- a predicate that needs values
import "influxdata/influxdb/schema"
schema.tagValues(bucket: "b", tag: "host", predicate: (r) => r._field == "usage" and r._value > 99.0, start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- a variable of a dashboard
import "influxdata/influxdb/v1"
v1.tagValues(bucket: "b", tag: "host", predicate: (r) => r._measurement == "cpu", start: 2024-01-01T00:00:00Z, stop: 2024-06-01T00:00:00Z)

// ---- buckets
buckets() |> filter(fn: (r) => r.name == "b") |> keep(columns: ["name", "retentionPeriod"])
