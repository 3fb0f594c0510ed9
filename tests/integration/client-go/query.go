package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// Asks each script of a JSON array (stdin) and prints, as a JSON array, the rows with their types, or the error and its type.
func query(url, token string) {
	ctx := context.Background()
	client := influxdb2.NewClient(url, token)
	defer client.Close()
	var scripts []string
	must(json.NewDecoder(os.Stdin).Decode(&scripts))
	said := []any{}
	for _, script := range scripts {
		result, err := client.QueryAPI("o").Query(ctx, script)
		if err != nil {
			var refused *influxhttp.Error
			if errors.As(err, &refused) {
				said = append(said, []any{"refused", refused.StatusCode, refused.Code})
			} else {
				said = append(said, []any{"failed"})
			}
			continue
		}
		said = append(said, rows(result))
	}
	raw, err := client.QueryAPI("o").QueryRaw(ctx, scripts[0], influxdb2.DefaultDialect())
	must(err)
	said = append(said, raw)
	must(json.NewEncoder(os.Stdout).Encode(said))
}

func rows(result *api.QueryTableResult) []any {
	found := []any{}
	for result.Next() {
		row := []string{fmt.Sprint(result.TableChanged())}
		for _, column := range result.TableMetadata().Columns() {
			value := result.Record().ValueByKey(column.Name())
			if at, ok := value.(time.Time); ok {
				value = at.Format(time.RFC3339Nano)
			}
			row = append(row, fmt.Sprintf("%s %t %T %v", column.Name(), column.IsGroup(), value, value))
		}
		found = append(found, row)
	}
	if err := result.Err(); err != nil {
		// What follows the place is in the server's own words.
		found = append(found, fmt.Sprintf("error %T %t", err, strings.Contains(err.Error(), "divide by zero")))
	}
	return found
}
