# Fuzz targets. Each is tests/fuzz/fuzz_NAME.c with LLVMFuzzerTestOneInput and a folder of inputs, corpus/fuzz_NAME.
# With --enable-fuzz (CC=clang) they are libFuzzer programs: tests/fuzz/fuzz_NAME tests/fuzz/corpus/fuzz_NAME.
# Without, `make check` replays the corpus. To add one: a line in the list, and its LDADD and LDFLAGS below.
fuzz_targets = \
	tests/fuzz/fuzz_annotated_csv \
	tests/fuzz/fuzz_conf \
	tests/fuzz/fuzz_datagram \
	tests/fuzz/fuzz_expr \
	tests/fuzz/fuzz_flux_format \
	tests/fuzz/fuzz_flux_script \
	tests/fuzz/fuzz_hll \
	tests/fuzz/fuzz_http \
	tests/fuzz/fuzz_journal \
	tests/fuzz/fuzz_line_influx \
	tests/fuzz/fuzz_line_statsd \
	tests/fuzz/fuzz_rollup \
	tests/fuzz/fuzz_sketch \
	tests/fuzz/fuzz_snapshot \
	tests/fuzz/fuzz_store

tests_fuzz_fuzz_annotated_csv_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_annotated_csv_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_conf_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_conf_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_datagram_LDADD = $(fuzz_ldadd) $(GNUTLS_LIBS)
tests_fuzz_fuzz_datagram_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_expr_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_expr_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_flux_format_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_flux_format_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_flux_script_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_flux_script_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_hll_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_hll_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_http_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_http_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_journal_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_journal_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_line_influx_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_line_influx_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_line_statsd_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_line_statsd_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_rollup_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_rollup_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_sketch_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_sketch_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_snapshot_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_snapshot_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_store_LDADD = $(fuzz_ldadd)
tests_fuzz_fuzz_store_LDFLAGS = $(fuzz_ldflags)

check_LIBRARIES = tests/fuzz/libfuzz.a
tests_fuzz_libfuzz_a_SOURCES = tests/fuzz/fuzz_line.c tests/fuzz/fuzz_line.h
tests_fuzz_libfuzz_a_CPPFLAGS = $(AM_CPPFLAGS) -DTS_FUZZ_CORPUS='"$(srcdir)/tests/fuzz/corpus"'
fuzz_ldadd = tests/fuzz/libfuzz.a $(LDADD)
fuzz_ldflags = $(AM_LDFLAGS)

check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += tests/fuzz/corpus
if ENABLE_FUZZ
fuzz_ldflags += -fsanitize=fuzzer
else
tests_fuzz_libfuzz_a_SOURCES += tests/fuzz/replay_main.c
TESTS += $(fuzz_targets)
endif
