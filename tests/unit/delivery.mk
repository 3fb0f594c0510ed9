unit_tests += tests/unit/test_rollup_codec
tests_unit_test_rollup_codec_SOURCES = tests/unit/test_rollup_codec.c tests/unit/rollups.h
tests_unit_test_rollup_codec_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_journal
tests_unit_test_journal_SOURCES = tests/unit/test_journal.c tests/unit/rollups.h
tests_unit_test_journal_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_sink_lp
tests_unit_test_sink_lp_SOURCES = tests/unit/test_sink_lp.c tests/unit/rollups.h
tests_unit_test_sink_lp_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_sink
tests_unit_test_sink_SOURCES = tests/unit/test_sink.c tests/unit/http_server.c tests/unit/http_server.h tests/unit/rollups.h
tests_unit_test_sink_LDADD = $(unit_ldadd)

unit_tests += tests/unit/test_sink_flow
tests_unit_test_sink_flow_SOURCES = tests/unit/test_sink_flow.c
tests_unit_test_sink_flow_LDADD = $(unit_ldadd)
