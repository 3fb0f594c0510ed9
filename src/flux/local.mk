# The Flux engine: language, evaluation, library; see Makefile.am.
flux_preludes = \
	$(srcdir)/src/flux/prelude/date.flux \
	$(srcdir)/src/flux/prelude/experimental.flux \
	$(srcdir)/src/flux/prelude/experimental/array.flux \
	$(srcdir)/src/flux/prelude/experimental/date/boundaries.flux \
	$(srcdir)/src/flux/prelude/experimental/dynamic.flux \
	$(srcdir)/src/flux/prelude/experimental/prometheus.flux \
	$(srcdir)/src/flux/prelude/influxdata/influxdb/schema.flux \
	$(srcdir)/src/flux/prelude/influxdata/influxdb/v1.flux \
	$(srcdir)/src/flux/prelude/join.flux \
	$(srcdir)/src/flux/prelude/timezone.flux \
	$(srcdir)/src/flux/prelude/types.flux \
	$(srcdir)/src/flux/prelude/universe.flux
flux_tables = \
	src/flux/table/op_aggregate.c \
	src/flux/table/op_bucket.c \
	src/flux/table/op_csv.c \
	src/flux/table/op_equijoin.c \
	src/flux/table/op_filter.c \
	src/flux/table/op_find.c \
	src/flux/table/op_fold.c \
	src/flux/table/op_from.c \
	src/flux/table/op_gen.c \
	src/flux/table/op_group.c \
	src/flux/table/op_join.c \
	src/flux/table/op_keys.c \
	src/flux/table/op_map.c \
	src/flux/table/op_pivot.c \
	src/flux/table/op_rate.c \
	src/flux/table/op_schema.c \
	src/flux/table/op_select.c \
	src/flux/table/op_series.c \
	src/flux/table/op_sketch.c \
	src/flux/table/op_sort.c \
	src/flux/table/op_source.c \
	src/flux/table/op_stat.c \
	src/flux/table/op_union.c \
	src/flux/table/op_window.c \
	src/flux/table/table.h src/flux/table/table_ops.h src/flux/table/table_std.h \
	src/flux/table/table_args.c \
	src/flux/table/table_chunk.c \
	src/flux/table/table_column.c \
	src/flux/table/table_concat.c \
	src/flux/table/table_csv.c src/flux/table/table_csv.h \
	src/flux/table/table_cursor.c \
	src/flux/table/table_digest.c src/flux/table/table_digest.h \
	src/flux/table/table_fold.c src/flux/table/table_fold.h \
	src/flux/table/table_group.h \
	src/flux/table/table_index.c src/flux/table/table_index.h \
	src/flux/table/table_kernel.c \
	src/flux/table/table_key.c \
	src/flux/table/table_rows.c \
	src/flux/table/table_scan.h \
	src/flux/table/table_tables.c
libtsagg_a_SOURCES += src/tbl/flux_packages.def src/tbl/flux_types.def \
	src/flux/flux.c src/flux/flux.h src/flux/flux_answer.c \
	src/flux/flux_doc.c src/flux/flux_doc.h \
	src/flux/flux_mem.c src/flux/flux_mem.h \
	src/flux/lang/lang.h src/flux/lang/lang_ast.h \
	src/flux/lang/lang_lex.c src/flux/lang/lang_lex.h \
	src/flux/lang/lang_format.c src/flux/lang/lang_format.h \
	src/flux/lang/lang_format_expr.c \
	src/flux/lang/lang_extern.c \
	src/flux/lang/lang_literal.c \
	src/flux/lang/lang_parse.c src/flux/lang/lang_parse.h \
	src/flux/lang/lang_parse_primary.c \
	src/flux/lang/lang_parse_stmt.c \
	src/flux/lang/lang_source.c \
	src/flux/exec/exec.h src/flux/exec/exec_interp.h \
	src/flux/exec/exec_call.c \
	src/flux/exec/exec_check.c src/flux/exec/exec_check.h \
	src/flux/exec/exec_check_expr.c \
	src/flux/exec/exec_display.c \
	src/flux/exec/exec_eval.c \
	src/flux/exec/exec_op.c \
	src/flux/exec/exec_package.c \
	src/flux/exec/exec_regexp.c src/flux/exec/exec_regexp.h \
	src/flux/exec/exec_run.c \
	src/flux/exec/exec_rn_compile.c \
	src/flux/exec/exec_rn_eval.c \
	src/flux/exec/exec_rn_scan.c \
	src/flux/exec/exec_rowfn.c src/flux/exec/exec_rowfn.h \
	src/flux/exec/exec_sig.c \
	src/flux/exec/exec_stmt.c \
	src/flux/exec/exec_time.c src/flux/exec/exec_time.h \
	src/flux/exec/exec_value.c src/flux/exec/exec_value.h \
	src/flux/exec/exec_vec.c \
	src/flux/exec/exec_vec_make.c \
	src/flux/exec/exec_zone.c \
	src/flux/prelude/prelude.h \
	src/flux/std/std.h src/flux/std/std_convert.h \
	src/flux/std/std_collections.c \
	src/flux/std/std_date.c \
	src/flux/std/std_json.c src/flux/std/std_json.h \
	src/flux/std/std_math.c \
	src/flux/std/std_regexp.c \
	src/flux/std/std_strings.c src/flux/std/std_strings.h \
	src/flux/std/std_strings_chars.c \
	src/flux/std/std_tables.c \
	src/flux/std/std_universe.c \
	$(flux_tables)
nodist_libtsagg_a_SOURCES = src/flux/prelude/prelude.c
BUILT_SOURCES += src/flux/prelude/prelude.c
CLEANFILES += src/flux/prelude/prelude.c
EXTRA_DIST += src/flux/prelude/embed.awk $(flux_preludes)

src/flux/prelude/prelude.c: $(flux_preludes) $(srcdir)/src/flux/prelude/embed.awk
	$(AM_V_GEN)$(MKDIR_P) src/flux/prelude && LC_ALL=C $(AWK) -f $(srcdir)/src/flux/prelude/embed.awk $(flux_preludes) > $@.tmp && mv $@.tmp $@
