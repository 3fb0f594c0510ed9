package types

isNumeric = (v) => isType(v, type: "int") or isType(v, type: "uint") or isType(v, type: "float")
