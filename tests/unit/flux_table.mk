# Tables of the Flux engine.
unit_tests += tests/unit/test_flux_scan tests/unit/test_flux_table_column tests/unit/test_flux_table_csv tests/unit/test_flux_table_ops
tests_unit_test_flux_scan_SOURCES = tests/unit/test_flux_scan.c tests/unit/flux.h tests/unit/unit.h
tests_unit_test_flux_scan_LDADD = $(unit_ldadd)
tests_unit_test_flux_table_column_SOURCES = tests/unit/test_flux_table_column.c tests/unit/unit.h
tests_unit_test_flux_table_column_LDADD = $(unit_ldadd)
tests_unit_test_flux_table_csv_SOURCES = tests/unit/test_flux_table_csv.c tests/unit/flux.h tests/unit/unit.h
tests_unit_test_flux_table_csv_LDADD = $(unit_ldadd)
tests_unit_test_flux_table_ops_SOURCES = tests/unit/test_flux_table_ops.c tests/unit/flux.h tests/unit/unit.h
tests_unit_test_flux_table_ops_LDADD = $(unit_ldadd)
