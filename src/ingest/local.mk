# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/ingest/ingest.h \
	src/ingest/ingest_file.c \
	src/ingest/ingest_udp.c
