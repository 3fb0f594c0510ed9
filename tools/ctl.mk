bin_PROGRAMS += tsagg-ctl
tsagg_ctl_SOURCES = tools/ctl.h tools/tsagg-ctl.c tools/ctl_check.c tools/ctl_dead_letter.c tools/ctl_parse.c tools/ctl_reload.c tools/ctl_parse_rules.c tools/ctl_parse_rules.h tools/ctl_status.c tools/ctl_top.c \
	tools/ctl_store.c tools/ctl_store.h tools/ctl_store_lines.c \
	tools/status_http.c tools/status_http.h

noinst_PROGRAMS += tools/docgen
tools_docgen_SOURCES = tools/docgen.c
