# What the tests need beside their programs.
EXTRA_DIST += \
	.ci/run \
	tests/run \
	tests/lib/tsagg_test/__init__.py \
	tests/lib/tsagg_test/clients.py \
	tests/lib/tsagg_test/daemon.py \
	tests/lib/tsagg_test/influx.py \
	tests/lib/tsagg_test/lineproto.py \
	tests/lib/tsagg_test/load.py \
	tests/lib/tsagg_test/oracle.py \
	tests/lib/tsagg_test/ports.py \
	tests/lib/tsagg_test/process.py \
	tests/lib/tsagg_test/runner.py \
	tests/lib/tsagg_test/stub.py \
	tests/lib/tsagg_test/times.py \
	tests/lib/tsagg_test/udp.py \
	tests/lib/tsagg_test/wait.py \
	tests/e2e/test_bad_input.py \
	tests/e2e/test_config.py \
	tests/e2e/test_delivery.py \
	tests/e2e/test_http_write.py \
	tests/e2e/test_input.py \
	tests/e2e/test_load.py \
	tests/e2e/test_oracle.py \
	tests/e2e/test_quickstart.py \
	tests/e2e/test_statsd.py \
	tests/e2e/test_store.py \
	tests/e2e/test_transports.py \
	tests/integration/build-influxd \
	tests/integration/build-telegraf \
	tests/integration/influxd/main.go \
	tests/integration/test_clients.py \
	tests/integration/test_influx1.py \
	tests/integration/test_influx2.py \
	tests/integration/test_query.py \
	tests/integration/test_servers.py
