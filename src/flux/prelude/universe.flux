package universe

option now = _now
option location = {zone: "UTC", offset: 0h}

// ---- windows ----

window = (
    tables=<-,
    every=0s,
    period=0s,
    offset=0s,
    location=location,
    timeColumn="_time",
    startColumn="_start",
    stopColumn="_stop",
    createEmpty=false,
) => tables |> _window(every, period, offset, location, timeColumn, startColumn, stopColumn, createEmpty)

// A window without rows becomes one row of nulls, so that it is seen in the result; the last window() puts the windows
// of a table together again. With an aggregate or selector of this library all of it is one operator.
aggregateWindow = (
    tables=<-,
    every,
    fn,
    period=0s,
    offset=0s,
    location=location,
    column="_value",
    timeSrc="_stop",
    timeDst="_time",
    createEmpty=true,
) => {
    steps = () => {
        windows = tables |> window(every, period, offset, location, createEmpty)
        results = windows |> fn(column)
        rows = if createEmpty then results |> _fillEmpty() else results

        return rows |> duplicate(column: timeSrc, as: timeDst) |> window(every: inf, timeColumn: timeDst)
    }

    return
        tables
            |> _aggregateWindow(
                every,
                fn,
                period,
                offset,
                location,
                column,
                timeSrc,
                timeDst,
                createEmpty,
                otherwise: steps,
            )
}

timedMovingAverage = (tables=<-, every, period, column="_value") =>
    tables
        |> window(every, period)
        |> mean(column)
        |> duplicate(column: "_stop", as: "_time")
        |> window(every: inf)

hourSelection = (tables=<-, start, stop, location=location, timeColumn="_time") =>
    tables |> _hourSelection(start, stop, location, timeColumn)

truncateTimeColumn = (tables=<-, unit, timeColumn="_time") =>
    tables |> map(fn: (r) => ({r with _time: _truncate(t: r._time, unit, location)}))

today = () => _truncate(t: now(), unit: 1d, location)

// ---- aggregates made of others ----

median = (tables=<-, column="_value", method="estimate_tdigest", compression=0.0) =>
    tables |> quantile(q: 0.5, column, method, compression)

increase = (tables=<-, columns=["_value"]) =>
    tables
        |> difference(columns, nonNegative: true, keepFirst: true, initialZero: true)
        |> cumulativeSum(columns)

timeWeightedAvg = (tables=<-, unit) => {
    seconds = (t) => float(v: int(v: t)) / float(v: int(v: unit))

    return
        tables
            |> integral(unit, interpolate: "linear")
            |> map(fn: (r) => ({r with _value: r._value / (seconds(t: r._stop) - seconds(t: r._start))}))
}

cov = (x, y, on, pearsonr=false) =>
    join(tables: {x, y}, on) |> covariance(columns: ["_value_x", "_value_y"], pearsonr)

pearsonr = (x, y, on) => cov(x, y, on, pearsonr: true)

stateCount = (tables=<-, fn, column="stateCount") => tables |> stateTracking(fn, countColumn: column)

stateDuration = (
    tables=<-,
    fn,
    column="stateDuration",
    timeColumn="_time",
    unit=1s,
) => tables |> stateTracking(fn, durationColumn: column, durationUnit: unit, timeColumn)

// ---- the n greatest and least ----

top = (tables=<-, n, columns=["_value"]) => tables |> sort(columns, desc: true) |> limit(n)
bottom = (tables=<-, n, columns=["_value"]) => tables |> sort(columns) |> limit(n)

// One row for each group, and of all these the first n.
_extremes = (tables=<-, n, column, groupColumns, reduce, pick) =>
    tables
        |> group(columns: groupColumns)
        |> reduce(column)
        |> group()
        |> pick(n, columns: [column])

highestMax = (tables=<-, n, column="_value", groupColumns=[]) =>
    tables |> _extremes(n, column, groupColumns, reduce: max, pick: top)
highestAverage = (tables=<-, n, column="_value", groupColumns=[]) =>
    tables |> _extremes(n, column, groupColumns, reduce: mean, pick: top)
highestCurrent = (tables=<-, n, column="_value", groupColumns=[]) =>
    tables |> _extremes(n, column, groupColumns, reduce: last, pick: top)
lowestMin = (tables=<-, n, column="_value", groupColumns=[]) =>
    tables |> _extremes(n, column, groupColumns, reduce: min, pick: bottom)
lowestAverage = (tables=<-, n, column="_value", groupColumns=[]) =>
    tables |> _extremes(n, column, groupColumns, reduce: mean, pick: bottom)
lowestCurrent = (tables=<-, n, column="_value", groupColumns=[]) =>
    tables |> _extremes(n, column, groupColumns, reduce: last, pick: bottom)

// ---- averages of averages ----

doubleEMA = (tables=<-, n) =>
    tables
        |> exponentialMovingAverage(n)
        |> duplicate(column: "_value", as: "_once")
        |> exponentialMovingAverage(n)
        |> map(fn: (r) => ({r with _value: 2.0 * r._once - r._value}))
        |> drop(columns: ["_once"])

tripleEMA = (tables=<-, n) =>
    tables
        |> exponentialMovingAverage(n)
        |> duplicate(column: "_value", as: "_once")
        |> exponentialMovingAverage(n)
        |> duplicate(column: "_value", as: "_twice")
        |> exponentialMovingAverage(n)
        |> map(fn: (r) => ({r with _value: 3.0 * (r._once - r._twice) + r._value}))
        |> drop(columns: ["_once", "_twice"])

kaufmansER = (tables=<-, n) =>
    tables
        |> chandeMomentumOscillator(n)
        |> map(fn: (r) => ({r with _value: (if r._value < 0.0 then -r._value else r._value) / 100.0}))

// ---- the type of _value ----

toBool = (tables=<-) => tables |> map(fn: (r) => ({r with _value: bool(v: r._value)}))
toFloat = (tables=<-) => tables |> map(fn: (r) => ({r with _value: float(v: r._value)}))
toInt = (tables=<-) => tables |> map(fn: (r) => ({r with _value: int(v: r._value)}))
toString = (tables=<-) => tables |> map(fn: (r) => ({r with _value: string(v: r._value)}))
toTime = (tables=<-) => tables |> map(fn: (r) => ({r with _value: time(v: r._value)}))
toUInt = (tables=<-) => tables |> map(fn: (r) => ({r with _value: uint(v: r._value)}))
