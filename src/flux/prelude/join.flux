package join

inner = (left=<-, right, on, as) => tables(left, right, on, as, method: "inner")
full = (left=<-, right, on, as) => tables(left, right, on, as, method: "full")
left = (left=<-, right, on, as) => tables(left, right, on, as, method: "left")
right = (left=<-, right, on, as) => tables(left, right, on, as, method: "right")
time = (left=<-, right, as, method="inner") => tables(left, right, on: (l, r) => l._time == r._time, as, method)
