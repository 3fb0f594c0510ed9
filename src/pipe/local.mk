# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/pipe/pipe.c src/pipe/pipe.h src/pipe/pipe_priv.h \
	src/pipe/pipe_hold.c \
	src/pipe/pipe_node.c \
	src/pipe/pipe_stage.c
