package prometheus

import "experimental"

// Buckets as Telegraf's prometheus plug-ins write them: version 2 has a tag le, version 1 has a field for each bound.
histogramQuantile = (tables=<-, quantile, metricVersion=2, onNonmonotonic="error") => {
    buckets =
        if metricVersion == 2 then
            tables
                |> group(mode: "except", columns: ["le", "_value"])
                |> map(fn: (r) => ({r with le: float(v: r.le)}))
        else if metricVersion == 1 then
            tables
                |> filter(fn: (r) => r._field != "sum" and r._field != "count")
                |> map(fn: (r) => ({r with le: float(v: r._field)}))
                |> group(mode: "except", columns: ["_field", "le", "_value"])
        else
            die(msg: "Invalid metricVersion. Available versions are 1 and 2.")

    return
        buckets
            |> experimental.histogramQuantile(quantile, onNonmonotonic)
            |> group(mode: "except", columns: ["le", "_value", "_time"])
            |> set(key: "quantile", value: string(v: quantile))
            |> experimental.group(mode: "extend", columns: ["quantile"])
}
