# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/ingest/ingest.c src/ingest/ingest.h src/ingest/ingest_priv.h \
	src/ingest/ingest_auth.c src/ingest/ingest_auth.h \
	src/ingest/ingest_body.c src/ingest/ingest_body.h \
	src/ingest/ingest_datagram.c \
	src/ingest/ingest_file.c \
	src/ingest/ingest_frame.c src/ingest/ingest_frame.h \
	src/ingest/ingest_inherited.c \
	src/ingest/ingest_limit.c src/ingest/ingest_limit.h \
	src/ingest/ingest_socket.c \
	src/ingest/ingest_stream.c \
	src/ingest/ingest_tls.c src/ingest/ingest_tls.h
