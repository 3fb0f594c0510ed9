package schema

// Where the functions below read; a script may put its own stream there.
option _from = (bucket) => from(bucket)

fieldsAsCols = (tables=<-) => tables |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")

_series = (bucket, predicate, start, stop) => _from(bucket) |> range(start, stop) |> filter(fn: predicate)

tagValues = (
    bucket,
    tag,
    predicate=(r) => true,
    start=-30d,
    stop=now(),
) => {
    series = _series(bucket, predicate, start, stop)

    return
        series
            |> _tagValues(
                tag,
                otherwise: () =>
                    series
                        |> keep(columns: [tag])
                        |> group()
                        |> distinct(column: tag),
            )
}

tagKeys = (bucket, predicate=(r) => true, start=-30d, stop=now()) => {
    series = _series(bucket, predicate, start, stop)

    return
        series
            |> _tagKeys(
                otherwise: () =>
                    series
                        |> keys()
                        |> keep(columns: ["_value"])
                        |> distinct(),
            )
}

measurementTagValues = (
    bucket,
    measurement,
    tag,
    start=-30d,
    stop=now(),
) => tagValues(bucket, tag, predicate: (r) => r._measurement == measurement, start, stop)

measurementTagKeys = (bucket, measurement, start=-30d, stop=now()) =>
    tagKeys(bucket, predicate: (r) => r._measurement == measurement, start, stop)

fieldKeys = (bucket, predicate=(r) => true, start=-30d, stop=now()) =>
    tagValues(bucket, tag: "_field", predicate, start, stop)

measurementFieldKeys = (bucket, measurement, start=-30d, stop=now()) =>
    fieldKeys(bucket, predicate: (r) => r._measurement == measurement, start, stop)

measurements = (bucket, start=-30d, stop=now()) => tagValues(bucket, tag: "_measurement", start, stop)
