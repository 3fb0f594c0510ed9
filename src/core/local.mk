libtsagg_a_SOURCES += \
	src/tbl/aggregates.def src/tbl/counters.def src/tbl/errors.def src/tbl/gauges.def src/tbl/kinds.def src/tbl/listeners.def \
	src/core/admin.h src/core/ask.h src/core/base.h \
	src/core/base64.c src/core/base64.h \
	src/core/body.c src/core/body.h \
	src/core/bucket.c src/core/bucket.h \
	src/core/buf.c src/core/buf.h \
	src/core/cidr.c src/core/cidr.h \
	src/core/census.c src/core/census.h \
	src/core/clock.c src/core/clock.h \
	src/core/counters.c src/core/counters.h \
	src/core/csv.c src/core/csv.h \
	src/core/dd.h \
	src/core/dead_letter.c src/core/dead_letter.h \
	src/core/edit.c src/core/edit.h \
	src/core/err.c src/core/err.h \
	src/core/expr.c src/core/expr.h src/core/expr_parse.c src/core/expr_priv.h \
	src/core/feed.h src/core/journal_status.h src/core/snapshot_status.h src/core/sink_status.h \
	src/core/file.c src/core/file.h \
	src/core/glob.c src/core/glob.h \
	src/core/hash.h \
	src/core/hll.c src/core/hll.h \
	src/core/lane.c src/core/lane.h \
	src/core/le.h \
	src/core/log.c src/core/log.h \
	src/core/losses.c src/core/losses.h \
	src/core/map64.c src/core/map64.h \
	src/core/matcher.c src/core/matcher.h \
	src/core/mem.c src/core/mem.h \
	src/core/near.c src/core/near.h \
	src/core/num.c src/core/num.h \
	src/core/num_shortest.c src/core/num_shortest.h \
	src/core/passed.c src/core/passed.h \
	src/core/pattern.c src/core/pattern.h \
	src/core/points.h \
	src/core/pool.c src/core/pool.h \
	src/core/pressure.c src/core/pressure.h \
	src/core/progress.c src/core/progress.h \
	src/core/quantile.c src/core/quantile.h \
	src/core/readings.c src/core/readings.h \
	src/core/ring.c src/core/ring.h \
	src/core/runs.c src/core/runs.h \
	src/core/rollup.c src/core/rollup_codec.c src/core/rollup.h \
	src/core/sample.c src/core/sample.h \
	src/core/scan.h \
	src/core/series.c src/core/series.h \
	src/core/skew.c src/core/skew.h \
	src/core/sketch.c src/core/sketch_codec.c src/core/sketch.h \
	src/core/stage.c src/core/stage.h \
	src/core/stats.c src/core/stats.h \
	src/core/template.c src/core/template.h \
	src/core/thread.c src/core/thread.h \
	src/core/tile.h \
	src/core/utf8.c src/core/utf8.h \
	src/core/varint.h \
	src/core/zone.c src/core/zone.h

include src/core/conf.mk
