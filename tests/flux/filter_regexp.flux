import "array"

p = "^h[0-9]+$"

array.from(rows: [{h: "h1"}, {h: "h12x"}, {h: "x"}, {h: "h77"}])
    |> filter(fn: (r) => r.h =~ /^h\d+$/ and r.h !~ /77/)
