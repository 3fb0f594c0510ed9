# The embedded database.
unit_tests += tests/unit/test_store_buckets tests/unit/test_store_codec tests/unit/test_store_crash tests/unit/test_store_model tests/unit/test_store_readers
tests_unit_test_store_codec_SOURCES = tests/unit/test_store_codec.c tests/unit/unit.h
tests_unit_test_store_codec_LDADD = $(unit_ldadd)
tests_unit_test_store_model_SOURCES = tests/unit/test_store_model.c tests/unit/store_model.c tests/unit/store_model.h tests/unit/unit.h
tests_unit_test_store_model_LDADD = $(unit_ldadd)
tests_unit_test_store_crash_SOURCES = tests/unit/test_store_crash.c tests/unit/unit.h
tests_unit_test_store_crash_LDADD = $(unit_ldadd)
tests_unit_test_store_readers_SOURCES = tests/unit/test_store_readers.c tests/unit/unit.h
tests_unit_test_store_readers_LDADD = $(unit_ldadd)
tests_unit_test_store_buckets_SOURCES = tests/unit/test_store_buckets.c tests/unit/unit.h
tests_unit_test_store_buckets_LDADD = $(unit_ldadd)
unit_tests += tests/unit/test_store_faults
tests_unit_test_store_faults_SOURCES = tests/unit/test_store_faults.c tests/unit/unit.h
tests_unit_test_store_faults_LDADD = $(unit_ldadd) $(SQLITE_LIBS)
