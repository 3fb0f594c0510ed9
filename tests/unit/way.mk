# The way of a sample: bodies, tiles, interning, lanes, windows.
unit_tests += tests/unit/test_parse_body tests/unit/test_parse_tile tests/unit/test_pipe tests/unit/test_route tests/unit/test_route_pass \
	tests/unit/test_server_gzip tests/unit/test_window tests/unit/test_window_merge tests/unit/test_window_session \
	tests/unit/test_window_group tests/unit/test_clock_steps tests/unit/test_window_snapshot

worker_rig = tests/unit/worker_rig.c tests/unit/worker_rig.h

tests_unit_test_parse_body_SOURCES = tests/unit/test_parse_body.c tests/unit/unit.h
tests_unit_test_parse_body_LDADD = $(unit_ldadd)
tests_unit_test_parse_tile_SOURCES = tests/unit/test_parse_tile.c tests/unit/unit.h
tests_unit_test_parse_tile_LDADD = $(unit_ldadd)
tests_unit_test_pipe_SOURCES = tests/unit/test_pipe.c tests/unit/unit.h
tests_unit_test_pipe_LDADD = $(unit_ldadd)
tests_unit_test_route_SOURCES = tests/unit/test_route.c tests/unit/unit.h
tests_unit_test_route_LDADD = $(unit_ldadd)
tests_unit_test_route_pass_SOURCES = tests/unit/test_route_pass.c tests/unit/unit.h
tests_unit_test_route_pass_LDADD = $(unit_ldadd)
tests_unit_test_server_gzip_SOURCES = tests/unit/test_server_gzip.c tests/unit/unit.h
tests_unit_test_server_gzip_LDADD = $(unit_ldadd)
tests_unit_test_window_SOURCES = tests/unit/test_window.c $(worker_rig) tests/unit/unit.h
tests_unit_test_window_LDADD = $(unit_ldadd)
tests_unit_test_window_merge_SOURCES = tests/unit/test_window_merge.c $(worker_rig) tests/unit/unit.h
tests_unit_test_window_merge_LDADD = $(unit_ldadd)
tests_unit_test_window_snapshot_SOURCES = tests/unit/test_window_snapshot.c $(worker_rig) tests/unit/unit.h
tests_unit_test_window_snapshot_LDADD = $(unit_ldadd)
tests_unit_test_window_session_SOURCES = tests/unit/test_window_session.c $(worker_rig) tests/unit/unit.h
tests_unit_test_window_session_LDADD = $(unit_ldadd)
tests_unit_test_window_group_SOURCES = tests/unit/test_window_group.c $(worker_rig) tests/unit/unit.h
tests_unit_test_window_group_LDADD = $(unit_ldadd)
tests_unit_test_clock_steps_SOURCES = tests/unit/test_clock_steps.c $(worker_rig) tests/unit/unit.h
tests_unit_test_clock_steps_LDADD = $(unit_ldadd)
