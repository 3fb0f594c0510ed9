# Holds tsagg-ctl parse and tsaggd against recorded cases of other implementations, where they are present.
TESTS += tests/conformance/run
EXTRA_DIST += tests/conformance/run tests/conformance/aggregate tests/conformance/deviations
