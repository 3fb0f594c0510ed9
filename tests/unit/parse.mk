unit_tests += tests/unit/test_parse_statsd tests/unit/test_parse_influx tests/unit/test_parse_detect
unit_tests += tests/unit/test_parse_pass tests/unit/test_parse_template

tests_unit_test_parse_statsd_SOURCES = tests/unit/test_parse_statsd.c tests/unit/parse_cases.c tests/unit/parse_cases.h
tests_unit_test_parse_statsd_LDADD = $(unit_ldadd)
tests_unit_test_parse_influx_SOURCES = tests/unit/test_parse_influx.c tests/unit/parse_cases.c tests/unit/parse_cases.h
tests_unit_test_parse_influx_LDADD = $(unit_ldadd)
tests_unit_test_parse_detect_SOURCES = tests/unit/test_parse_detect.c
tests_unit_test_parse_detect_LDADD = $(unit_ldadd)
tests_unit_test_parse_pass_SOURCES = tests/unit/test_parse_pass.c tests/unit/unit.h
tests_unit_test_parse_pass_LDADD = $(unit_ldadd)
tests_unit_test_parse_template_SOURCES = tests/unit/test_parse_template.c tests/unit/unit.h
tests_unit_test_parse_template_LDADD = $(unit_ldadd)
