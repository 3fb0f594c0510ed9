# Measurements; `make bench` builds what they need, bench/ingest prints the tables. They never fail a build.
EXTRA_PROGRAMS = bench/floor bench/pipe bench/seal bench/store_load bench/touch bench/way bench/window
bench_floor_SOURCES = bench/floor.c
bench_floor_LDADD =
bench_pipe_SOURCES = bench/pipe.c bench/measure.h
bench_seal_SOURCES = bench/seal.c bench/measure.h $(worker_rig)
bench_store_load_SOURCES = bench/store_load.c
bench_touch_SOURCES = bench/touch.c bench/measure.h
bench_way_SOURCES = bench/way.c bench/measure.h $(worker_rig)
bench_window_SOURCES = bench/window.c bench/window_rows.c bench/window_rows.h bench/measure.h $(worker_rig)
CLEANFILES += $(EXTRA_PROGRAMS)
EXTRA_DIST += bench/ingest bench/latency bench/memory bench/query bench/servers.py bench/store

.PHONY: bench
bench: $(EXTRA_PROGRAMS) tsaggd tsagg-load
