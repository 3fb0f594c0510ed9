libtsagg_a_SOURCES += src/tbl/sinks.def \
	src/sink/sink.c src/sink/sink.h src/sink/sink_priv.h \
	src/sink/sink_dead.c \
	src/sink/sink_deliver.c \
	src/sink/sink_file.c \
	src/sink/sink_flow.c src/sink/sink_flow.h \
	src/sink/sink_http.c \
	src/sink/sink_influxdb.c \
	src/sink/sink_job.c \
	src/sink/sink_lp.c \
	src/sink/sink_queue.c \
	src/sink/sink_redo.c src/sink/sink_reload.c \
	src/sink/sink_store.c \
	src/sink/sink_thread.c
