"""What the end-to-end and integration tests of tsagg stand on: servers to start, an oracle, a runner."""
import os

# What a shell has set for tsagg's tools, for clients of HTTP and for terminals is no part of a test.
for name in ("TSAGG_HOST", "TSAGG_ORG", "TSAGG_TOKEN", "TSAGG_HMAC_KEY", "INFLUX_HOST", "INFLUX_ORG", "INFLUX_ORG_ID", "INFLUX_TOKEN",
             "COLUMNS", "NO_COLOR", "TZDIR"):
    os.environ.pop(name, None)
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"
