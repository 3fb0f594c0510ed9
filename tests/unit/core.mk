# What every stage stands on.
unit_tests += \
	tests/unit/test_core_bucket \
	tests/unit/test_core_buf \
	tests/unit/test_core_census \
	tests/unit/test_core_cidr \
	tests/unit/test_core_clock \
	tests/unit/test_core_counters \
	tests/unit/test_core_edit \
	tests/unit/test_core_expr \
	tests/unit/test_core_glob \
	tests/unit/test_core_hll \
	tests/unit/test_core_zone \
	tests/unit/test_core_log \
	tests/unit/test_core_losses \
	tests/unit/test_core_num \
	tests/unit/test_core_pool \
	tests/unit/test_core_pressure \
	tests/unit/test_core_quantile \
	tests/unit/test_core_ring \
	tests/unit/test_core_runs \
	tests/unit/test_core_series \
	tests/unit/test_core_sketch \
	tests/unit/test_core_stats

tests_unit_test_core_bucket_SOURCES = tests/unit/test_core_bucket.c tests/unit/unit.h
tests_unit_test_core_bucket_LDADD = $(unit_ldadd)
tests_unit_test_core_buf_SOURCES = tests/unit/test_core_buf.c
tests_unit_test_core_buf_LDADD = $(unit_ldadd)
tests_unit_test_core_census_SOURCES = tests/unit/test_core_census.c tests/unit/unit.h
tests_unit_test_core_census_LDADD = $(unit_ldadd)

tests_unit_test_core_cidr_SOURCES = tests/unit/test_core_cidr.c tests/unit/unit.h
tests_unit_test_core_cidr_LDADD = $(unit_ldadd)
tests_unit_test_core_edit_SOURCES = tests/unit/test_core_edit.c tests/unit/unit.h
tests_unit_test_core_edit_LDADD = $(unit_ldadd)
tests_unit_test_core_expr_SOURCES = tests/unit/test_core_expr.c tests/unit/unit.h
tests_unit_test_core_expr_LDADD = $(unit_ldadd)
tests_unit_test_core_clock_SOURCES = tests/unit/test_core_clock.c
tests_unit_test_core_clock_LDADD = $(unit_ldadd)
tests_unit_test_core_counters_SOURCES = tests/unit/test_core_counters.c
tests_unit_test_core_counters_LDADD = $(unit_ldadd)
tests_unit_test_core_hll_SOURCES = tests/unit/test_core_hll.c tests/unit/unit.h
tests_unit_test_core_hll_LDADD = $(unit_ldadd)
tests_unit_test_core_log_SOURCES = tests/unit/test_core_log.c
tests_unit_test_core_log_LDADD = $(unit_ldadd)
tests_unit_test_core_losses_SOURCES = tests/unit/test_core_losses.c
tests_unit_test_core_losses_LDADD = $(unit_ldadd)
tests_unit_test_core_num_SOURCES = tests/unit/test_core_num.c
tests_unit_test_core_num_LDADD = $(unit_ldadd)
tests_unit_test_core_pool_SOURCES = tests/unit/test_core_pool.c tests/unit/unit.h
tests_unit_test_core_pool_LDADD = $(unit_ldadd)
tests_unit_test_core_pressure_SOURCES = tests/unit/test_core_pressure.c tests/unit/unit.h
tests_unit_test_core_pressure_LDADD = $(unit_ldadd)
tests_unit_test_core_quantile_SOURCES = tests/unit/test_core_quantile.c tests/unit/unit.h
tests_unit_test_core_quantile_LDADD = $(unit_ldadd)
tests_unit_test_core_runs_SOURCES = tests/unit/test_core_runs.c tests/unit/unit.h
tests_unit_test_core_runs_LDADD = $(unit_ldadd)
tests_unit_test_core_ring_SOURCES = tests/unit/test_core_ring.c
tests_unit_test_core_ring_LDADD = $(unit_ldadd)
tests_unit_test_core_series_SOURCES = tests/unit/test_core_series.c
tests_unit_test_core_series_LDADD = $(unit_ldadd)
tests_unit_test_core_sketch_SOURCES = tests/unit/test_core_sketch.c tests/unit/unit.h
tests_unit_test_core_sketch_LDADD = $(unit_ldadd)
tests_unit_test_core_stats_SOURCES = tests/unit/test_core_stats.c
tests_unit_test_core_stats_LDADD = $(unit_ldadd)
tests_unit_test_core_glob_SOURCES = tests/unit/test_core_glob.c tests/unit/unit.h
tests_unit_test_core_glob_LDADD = $(unit_ldadd)
tests_unit_test_core_zone_SOURCES = tests/unit/test_core_zone.c tests/unit/unit.h
tests_unit_test_core_zone_LDADD = $(unit_ldadd)
