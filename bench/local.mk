# Measurements; `make bench` builds what they need, bench/ingest prints the tables. They never fail a build.
EXTRA_PROGRAMS = bench/floor bench/store_load
bench_floor_SOURCES = bench/floor.c
bench_floor_LDADD =
bench_store_load_SOURCES = bench/store_load.c
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += bench/store bench/ingest bench/servers.py

.PHONY: bench
bench: $(EXTRA_PROGRAMS) tsaggd tsagg-load
