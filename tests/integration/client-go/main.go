// A client of InfluxDB 2 as its users write them: prints one JSON object of what it found. Arguments: URL, token, points; or
// URL, token, query: see query.go.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	url, token := os.Args[1], os.Args[2]
	if os.Args[3] == "query" {
		query(url, token)
		return
	}
	points, err := strconv.Atoi(os.Args[3])
	must(err)
	ctx := context.Background()
	said := map[string]any{}
	client := influxdb2.NewClientWithOptions(url, token, influxdb2.DefaultOptions().SetBatchSize(5000).SetUseGZip(true))
	defer client.Close()

	up, err := client.Ping(ctx)
	must(err)
	health, err := client.Health(ctx)
	must(err)
	ready, err := client.Ready(ctx)
	must(err)
	said["ping"], said["health"], said["ready"] = up, health.Status, ready.Status

	org, err := client.OrganizationsAPI().FindOrganizationByName(ctx, "o")
	must(err)
	said["org"] = org.Name
	buckets := client.BucketsAPI()
	bucket, err := buckets.CreateBucketWithName(ctx, org, "go", domain.RetentionRule{EverySeconds: 0})
	must(err)
	said["made"] = bucket.Name
	description := "of Go"
	bucket.Description = &description
	bucket, err = buckets.UpdateBucket(ctx, bucket)
	must(err)
	said["description"] = *bucket.Description
	_, err = buckets.CreateBucketWithName(ctx, org, "go")
	said["again"] = fmt.Sprint(err)
	_, err = buckets.FindBucketByName(ctx, "nowhere")
	said["missing"] = fmt.Sprint(err)

	start := time.Unix(1577836800, 0)
	writer := client.WriteAPI("o", "go")
	failures := []string{}
	done := make(chan bool)
	go func() {
		for err := range writer.Errors() {
			failures = append(failures, err.Error())
		}
		done <- true
	}()
	for i := 0; i < points; i++ {
		writer.WritePoint(influxdb2.NewPoint("m", map[string]string{"host": "h " + strconv.Itoa(i%10)},
			map[string]interface{}{"f": float64(i) / 2, "n": i, "s": "a \"b\""}, start.Add(time.Duration(i)*time.Millisecond)))
	}
	writer.Flush()
	blocking := client.WriteAPIBlocking("o", "go")
	must(blocking.WriteRecord(ctx, fmt.Sprintf("gone,k=v f=1 %d\ngone,k=w f=2 %d", start.UnixNano(), start.UnixNano())))
	said["bad"] = fmt.Sprint(blocking.WriteRecord(ctx, "m f="))
	said["nowhere"] = fmt.Sprint(client.WriteAPIBlocking("o", "nowhere").WriteRecord(ctx, "m f=1"))
	must(client.DeleteAPI().DeleteWithName(ctx, "o", "go", start, start.Add(time.Second), `_measurement="gone" AND k="v"`))
	other, err := buckets.CreateBucketWithName(ctx, org, "other")
	must(err)
	must(buckets.DeleteBucket(ctx, other))
	all, err := buckets.GetBuckets(ctx)
	must(err)
	names := []string{}
	for _, one := range *all {
		names = append(names, one.Name)
	}
	said["buckets"] = names
	client.Close()
	<-done
	said["failures"] = failures
	must(json.NewEncoder(os.Stdout).Encode(said))
}
