// Days in Berlin around the change of clocks on 2021-03-28, which has 23 hours.
import "array"
import "timezone"

option location = timezone.location(name: "Europe/Berlin")

array.from(rows: [
    {_time: 2021-03-27T22:59:59Z, _value: 1},
    {_time: 2021-03-27T23:00:00Z, _value: 2},
    {_time: 2021-03-28T21:59:59Z, _value: 3},
    {_time: 2021-03-28T22:00:00Z, _value: 4},
])
    |> range(start: 2021-03-26T23:00:00Z, stop: 2021-03-29T22:00:00Z)
    |> aggregateWindow(every: 1d, fn: sum)
    |> keep(columns: ["_time", "_value"])
