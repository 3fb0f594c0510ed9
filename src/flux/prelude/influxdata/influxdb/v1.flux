package v1

import "influxdata/influxdb/schema"

fieldsAsCols = schema.fieldsAsCols
