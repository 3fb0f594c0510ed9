# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/parse/parse.h src/parse/parse_priv.h \
	src/parse/parse_body.c \
	src/parse/parse_dogstatsd.c \
	src/parse/parse_find.h \
	src/parse/parse_influx.c \
	src/parse/parse_line.c \
	src/parse/parse_number.h src/parse/parse_number_avx2.c src/parse/parse_number_avx2.h \
	src/parse/parse_pass.c \
	src/parse/parse_scan.c src/parse/parse_scan.h \
	src/parse/parse_series.c \
	src/parse/parse_statsd.c \
	src/parse/parse_template.c src/parse/parse_template.h \
	src/parse/parse_tile.c src/parse/parse_tile.h src/parse/parse_tile_priv.h \
	src/parse/parse_tile_feed.c src/parse/parse_tile_feed.inc
