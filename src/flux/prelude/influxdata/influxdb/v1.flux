package v1

import "influxdata/influxdb/schema"

// These have moved to schema.
fieldsAsCols = schema.fieldsAsCols
tagValues = schema.tagValues
tagKeys = schema.tagKeys
measurementTagValues = schema.measurementTagValues
measurementTagKeys = schema.measurementTagKeys
fieldKeys = schema.fieldKeys
measurementFieldKeys = schema.measurementFieldKeys
measurements = schema.measurements
