package experimental

import "date"

addDuration = (d, to, location=location) => date.add(d, to, location)
subDuration = (d, from, location=location) => date.sub(d, from, location)
