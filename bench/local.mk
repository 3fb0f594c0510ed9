# Measurements; `make bench` builds what they need, bench/ingest prints the table. They never fail a build.
EXTRA_PROGRAMS = bench/floor bench/send
bench_floor_SOURCES = bench/floor.c
bench_floor_LDADD =
bench_send_SOURCES = bench/send.c
bench_send_LDADD =
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += bench/ingest

.PHONY: bench
bench: $(EXTRA_PROGRAMS) tsaggd
