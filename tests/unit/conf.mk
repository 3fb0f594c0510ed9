unit_tests += tests/unit/test_conf_errors tests/unit/test_conf_load tests/unit/test_server

tests_unit_test_conf_errors_SOURCES = tests/unit/test_conf_errors.c
tests_unit_test_conf_errors_LDADD = $(unit_ldadd)
tests_unit_test_conf_load_SOURCES = tests/unit/test_conf_load.c
tests_unit_test_conf_load_LDADD = $(unit_ldadd)
tests_unit_test_server_SOURCES = tests/unit/test_server.c
tests_unit_test_server_LDADD = $(unit_ldadd)
unit_tests += tests/unit/test_server_predicate
tests_unit_test_server_predicate_SOURCES = tests/unit/test_server_predicate.c tests/unit/unit.h
tests_unit_test_server_predicate_LDADD = $(unit_ldadd)
