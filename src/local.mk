sbin_PROGRAMS += tsaggd
tsaggd_SOURCES = src/tsaggd.c src/tsaggd_input.c src/tsaggd_input.h src/tsaggd_source.c src/tsaggd_source.h \
	src/tsaggd_daemon.h src/tsaggd_gauges.c src/tsaggd_gauges.h src/tsaggd_listeners.c src/tsaggd_reload.c src/tsaggd_reload.h src/tsaggd_self.c src/tsaggd_self.h src/tsaggd_snapshot.c src/tsaggd_snapshot.h \
	src/tsaggd_store.c src/tsaggd_store.h src/tsaggd_write.c src/tsaggd_write.h \
	src/tsaggd_write_line.c src/tsaggd_write_line.h
