unit_tests += tests/unit/test_query_decode tests/unit/test_query_format tests/unit/test_query_request
tests_unit_test_query_decode_SOURCES = tests/unit/test_query_decode.c tests/unit/query_dump.h
tests_unit_test_query_decode_LDADD = $(unit_ldadd)
tests_unit_test_query_format_SOURCES = tests/unit/test_query_format.c
tests_unit_test_query_format_LDADD = $(unit_ldadd)
tests_unit_test_query_request_SOURCES = tests/unit/test_query_request.c
tests_unit_test_query_request_LDADD = $(unit_ldadd)
