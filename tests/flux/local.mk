# Scripts with what they print, run by tsagg-query --local.
TESTS += tests/flux/run
EXTRA_DIST += tests/flux/run tests/flux/stored/points.lp $(flux_cases) $(flux_cases:.flux=.out)
flux_cases = \
	tests/flux/annotated/aggregates.flux \
	tests/flux/annotated/columns.flux \
	tests/flux/annotated/empty.flux \
	tests/flux/annotated/maps.flux \
	tests/flux/annotated/rows.flux \
	tests/flux/annotated/turns.flux \
	tests/flux/annotated/windows.flux \
	tests/flux/error_before.flux \
	tests/flux/error_mixed.flux \
	tests/flux/error_while.flux \
	tests/flux/filter_logic.flux \
	tests/flux/filter_missing.flux \
	tests/flux/filter_regexp.flux \
	tests/flux/map_columns.flux \
	tests/flux/map_functions.flux \
	tests/flux/map_guarded.flux \
	tests/flux/reduce.flux \
	tests/flux/stored/error_no_bucket.flux \
	tests/flux/stored/error_no_range.flux \
	tests/flux/stored/error_no_sketch.flux \
	tests/flux/stored/error_two_sorts.flux \
	tests/flux/stored/group_last.flux \
	tests/flux/stored/one_field.flux \
	tests/flux/stored/schema.flux \
	tests/flux/stored/sketches.flux \
	tests/flux/stored/window_mean.flux \
	tests/flux/strings.flux \
	tests/flux/two_results.flux \
	tests/flux/window_berlin_dst.flux
