"""What the end-to-end and integration tests of tsagg stand on: servers to start, an oracle, a runner."""
