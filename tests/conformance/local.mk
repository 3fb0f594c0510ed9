# Holds tsagg-ctl parse and tsaggd against recorded cases of other implementations, where they are present.
TESTS += tests/conformance/run
EXTRA_DIST += tests/conformance/run tests/conformance/aggregate tests/conformance/flux tests/conformance/deviations
# Holds tsagg-query --local against the cases of Flux's own library, where they are present.
TESTS += tests/conformance/flux
