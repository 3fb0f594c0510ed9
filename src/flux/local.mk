# The Flux engine: language, evaluation, library; see Makefile.am.
flux_preludes = \
	$(srcdir)/src/flux/prelude/universe.flux
libtsagg_a_SOURCES += src/tbl/flux_packages.def src/tbl/flux_types.def \
	src/flux/flux.c src/flux/flux.h \
	src/flux/flux_mem.c src/flux/flux_mem.h \
	src/flux/lang/lang.h src/flux/lang/lang_ast.h \
	src/flux/lang/lang_lex.c src/flux/lang/lang_lex.h \
	src/flux/lang/lang_literal.c \
	src/flux/lang/lang_parse.c src/flux/lang/lang_parse.h \
	src/flux/lang/lang_parse_primary.c \
	src/flux/lang/lang_parse_stmt.c \
	src/flux/lang/lang_source.c \
	src/flux/exec/exec.h src/flux/exec/exec_interp.h \
	src/flux/exec/exec_call.c \
	src/flux/exec/exec_check.c \
	src/flux/exec/exec_display.c \
	src/flux/exec/exec_eval.c \
	src/flux/exec/exec_op.c \
	src/flux/exec/exec_package.c \
	src/flux/exec/exec_regexp.c src/flux/exec/exec_regexp.h \
	src/flux/exec/exec_run.c \
	src/flux/exec/exec_sig.c \
	src/flux/exec/exec_stmt.c \
	src/flux/exec/exec_time.c src/flux/exec/exec_time.h \
	src/flux/exec/exec_value.c src/flux/exec/exec_value.h \
	src/flux/exec/exec_zone.c \
	src/flux/prelude/prelude.h \
	src/flux/std/std.h src/flux/std/std_convert.h \
	src/flux/std/std_universe.c
nodist_libtsagg_a_SOURCES = src/flux/prelude/prelude.c
BUILT_SOURCES += src/flux/prelude/prelude.c
CLEANFILES += src/flux/prelude/prelude.c
EXTRA_DIST += src/flux/prelude/embed.awk $(flux_preludes)

src/flux/prelude/prelude.c: $(flux_preludes) $(srcdir)/src/flux/prelude/embed.awk
	$(AM_V_GEN)$(MKDIR_P) src/flux/prelude && LC_ALL=C $(AWK) -f $(srcdir)/src/flux/prelude/embed.awk $(flux_preludes) > $@.tmp && mv $@.tmp $@
