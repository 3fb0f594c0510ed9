// Functions written in Flux, closures, and blocks in a row's function.
import "array"
import "strings"

scale = 10
twice = (x) => x * 2
label = (r, sep=":") => {
    name = strings.toUpper(v: r.name)

    return name + sep + string(v: r.v)
}

array.from(rows: [{name: "a", v: 1}, {name: "b", v: 2}])
    |> map(fn: (r) => {
        w = twice(x: r.v) + scale

        return {r with w, l: label(r), arr: [r.v, w][1]}
    })
