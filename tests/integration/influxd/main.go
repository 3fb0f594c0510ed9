// influxd is InfluxDB 2.7 as the integration tests run it: the real server,
// without the assets of its user interface. ../build-influxd builds it in a
// module of its own, derived from the go.mod of InfluxDB.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/influxdata/influxdb/v2/cmd/influxd/launcher"
	_ "github.com/influxdata/influxdb/v2/tsdb/engine/tsm1"
	_ "github.com/influxdata/influxdb/v2/tsdb/index/tsi1"
	"github.com/spf13/viper"
)

func main() {
	cmd, err := launcher.NewInfluxdCommand(context.Background(), viper.New())
	if err == nil {
		err = cmd.Execute()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
