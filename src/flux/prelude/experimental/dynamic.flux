package dynamic

// Whether two values look the same.
_isNotDistinct = (a, b) => display(v: a) == display(v: b)
