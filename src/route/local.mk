# Lists of this folder; see Makefile.am.
libtsagg_a_SOURCES += \
	src/route/route.c src/route/route.h \
	src/route/route_backlog.c src/route/route_backlog.h \
	src/route/route_intern.c src/route/route_intern.h \
	src/route/route_look_up.c src/route/route_look_up.inc \
	src/route/route_pass.c src/route/route_pass.h
