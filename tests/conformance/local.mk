# Holds tsagg-ctl parse against recorded cases of other implementations, where they are present.
TESTS += tests/conformance/run
EXTRA_DIST += tests/conformance/flux tests/conformance/run tests/conformance/deviations
# Holds tsagg-query --local against the cases of Flux's own library, where they are present.
TESTS += tests/conformance/flux
