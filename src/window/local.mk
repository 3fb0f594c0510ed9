# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/window/window.h src/window/window_priv.h \
	src/window/window_add.c \
	src/window/window_completeness.c \
	src/window/window_expire.c \
	src/window/window_gather.c src/window/window_gather_priv.h \
	src/window/window_gather_send.c \
	src/window/window_group.c src/window/window_group.h \
	src/window/window_partial.c \
	src/window/window_merge.c \
	src/window/window_more.c \
	src/window/window_pane.c \
	src/window/window_place.c \
	src/window/window_reload.c src/window/window_rule.c src/window/window_rule.h \
	src/window/window_rule_change.c src/window/window_rule_end.c \
	src/window/window_seal.c \
	src/window/window_series.c \
	src/window/window_session.c \
	src/window/window_session.h \
	src/window/window_session_seal.c \
	src/window/window_session_snapshot.c \
	src/window/window_sketch.c \
	src/window/window_snapshot.c src/window/window_snapshot.h src/window/window_snapshot_priv.h \
	src/window/window_snapshot_load.c \
	src/window/window_snapshot_save.c \
	src/window/window_snapshot_sealed.c \
	src/window/window_worker.c
