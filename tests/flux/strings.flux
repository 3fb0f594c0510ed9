// The examples of Flux's documentation of these functions.
import "array"
import "regexp"
import "strings"

array.from(rows: [
    {f: "title", v: strings.title(v: "a flux of foxes")},
    {f: "trim", v: strings.trim(v: ".abc.", cutset: ".")},
    {f: "replaceAll", v: strings.replaceAll(v: "a name, a value", t: "a", u: "the")},
    {f: "substring", v: strings.substring(v: "influx", start: 0, end: 3)},
    {f: "splitN", v: strings.joinStr(arr: strings.splitN(v: "a, b, c", t: ",", i: 2), v: "|")},
    {
        f: "countStr",
        v: string(v: strings.countStr(v: "sugar plums, peas and plums", substr: "plum")),
    },
    {f: "lastIndex", v: string(v: strings.lastIndex(v: "go gopher", substr: "go"))},
    {f: "quoteMeta", v: regexp.quoteMeta(v: ".+*?()|[]{}^$")},
    {f: "findStringIndex", v: display(v: regexp.findStringIndex(r: /ab?/, v: "tablet"))},
    {
        f: "splitRegexp",
        v: strings.joinStr(arr: regexp.splitRegexp(r: /a*/, v: "abaabaccadaaae", i: 5), v: "|"),
    },
])
