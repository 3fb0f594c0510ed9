unit_tests += tests/unit/test_conf_errors
tests_unit_test_conf_errors_SOURCES = tests/unit/test_conf_errors.c
tests_unit_test_conf_errors_LDADD = $(unit_ldadd)
