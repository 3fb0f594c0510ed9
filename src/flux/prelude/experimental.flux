package experimental

import "date"

addDuration = (d, to, location=location) => date.add(d, to, location)
subDuration = (d, from, location=location) => date.sub(d, from, location)

window = (
    tables=<-,
    every=0s,
    period=0s,
    offset=0s,
    location=location,
    createEmpty=false,
) =>
    tables
        |> _window(
            every,
            period,
            offset,
            location,
            timeColumn: "_time",
            startColumn: "_start",
            stopColumn: "_stop",
            createEmpty,
        )

// Every table begins at the same time.
alignTime = (tables=<-, alignTo=time(v: 0)) =>
    tables
        |> stateDuration(fn: (r) => true, column: "_since", unit: 1ns)
        |> map(fn: (r) => ({r with _time: time(v: int(v: alignTo) + r._since)}))
        |> drop(columns: ["_since"])
