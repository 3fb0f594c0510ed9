bin_PROGRAMS += tsagg-load
tsagg_load_SOURCES = tools/load.h tools/tsagg-load.c tools/load_lines.c tools/load_seal.c tools/load_send.c tools/load_verify.c \
	tools/status_http.c tools/status_http.h
