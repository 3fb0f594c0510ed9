# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/parse/parse_number.h \
	src/parse/parse_scan.c src/parse/parse_scan.h \
	src/parse/parse_tile.c src/parse/parse_tile.h
