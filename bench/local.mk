# Measurements; `make bench` builds what they need, bench/ingest prints the tables. They never fail a build.
EXTRA_PROGRAMS = bench/floor bench/pipe bench/seal bench/store_load bench/way bench/window
bench_floor_SOURCES = bench/floor.c
bench_floor_LDADD =
bench_pipe_SOURCES = bench/pipe.c
bench_seal_SOURCES = bench/seal.c
bench_store_load_SOURCES = bench/store_load.c
bench_way_SOURCES = bench/way.c
bench_window_SOURCES = bench/window.c bench/window_rows.c bench/window_rows.h
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += bench/ingest bench/latency bench/memory bench/query bench/servers.py bench/store

.PHONY: bench
bench: $(EXTRA_PROGRAMS) tsaggd tsagg-load
