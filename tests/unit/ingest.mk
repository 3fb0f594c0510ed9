# Bytes in.
unit_tests += tests/unit/test_ingest_frame
tests_unit_test_ingest_frame_SOURCES = tests/unit/test_ingest_frame.c tests/unit/unit.h
tests_unit_test_ingest_frame_LDADD = $(unit_ldadd)
unit_tests += tests/unit/test_ingest_limit
tests_unit_test_ingest_limit_SOURCES = tests/unit/test_ingest_limit.c tests/unit/unit.h
tests_unit_test_ingest_limit_LDADD = $(unit_ldadd)
unit_tests += tests/unit/test_ingest_auth
tests_unit_test_ingest_auth_SOURCES = tests/unit/test_ingest_auth.c tests/unit/unit.h
tests_unit_test_ingest_auth_LDADD = $(unit_ldadd)
