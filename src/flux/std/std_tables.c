/* Functions of tables by package: names, signatures, and who makes their plans. Thread: the query's. */
#include "config.h"
#include "flux/std/std.h"

#include "flux/table/table_std.h"

#include "flux/exec/exec_time.h"

/* The start of the window of that length that has t: what date.truncate() gives, for the prelude. */
static int truncate_time(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_window win = {.every = ts_flux_dur_of(args->v[1]), .period = ts_flux_dur_of(args->v[1])};
    int rc = ts_flux_clock_of(run, args->v[2], &win.clock);
    rc = rc ? rc : ts_flux_window_check(run, &win);
    if (rc == 0)
        *out = args->v[0].null ? ts_flux_null(TS_FLUX_TIME)
                               : ts_flux_time(ts_flux_window_at(&win, args->v[0].i).start);
    return rc;
}

#define BUCKETS "(host?: string, org?: string, orgID?: string, token?: string) => stream"
#define FROM "(bucket?: string, bucketID?: string, host?: string, org?: string, orgID?: string, token?: string) => stream"

/* clang-format off */
const struct ts_flux_builtin ts_flux_std_schema_tables[] = {
    {"_tagKeys", "(<-tables: stream, otherwise: function) => stream", ts_flux_op_tag_keys},
    {"_tagValues", "(<-tables: stream, tag: string, otherwise: function) => stream", ts_flux_op_tag_values},
    {0},
};

const struct ts_flux_builtin ts_flux_std_influxdb_tables[] = {
    {"buckets", BUCKETS, ts_flux_op_buckets},
    {"from", FROM, ts_flux_op_from},
    {0},
};

const struct ts_flux_builtin ts_flux_std_tables[] = {
    {"buckets", BUCKETS, ts_flux_op_buckets},
    {"chandeMomentumOscillator", "(<-tables: stream, n: int, columns?: array) => stream", ts_flux_op_chande},
    {"columns", "(<-tables: stream, column?: string) => stream", ts_flux_op_columns},
    {"count", "(<-tables: stream, column?: string) => stream", ts_flux_op_count},
    {"covariance", "(<-tables: stream, columns: array, pearsonr?: bool, valueDst?: string) => stream", ts_flux_op_covariance},
    {"cumulativeSum", "(<-tables: stream, columns?: array) => stream", ts_flux_op_cumulative_sum},
    {"derivative",
     "(<-tables: stream, unit?: duration, nonNegative?: bool, columns?: array, timeColumn?: string, initialZero?: bool) => stream",
     ts_flux_op_derivative},
    {"difference",
     "(<-tables: stream, nonNegative?: bool, columns?: array, keepFirst?: bool, initialZero?: bool) => stream",
     ts_flux_op_difference},
    {"distinct", "(<-tables: stream, column?: string) => stream", ts_flux_op_distinct},
    {"drop", "(<-tables: stream, columns?: array, fn?: function) => stream", ts_flux_op_drop},
    {"duplicate", "(<-tables: stream, column: string, as: string) => stream", ts_flux_op_duplicate},
    {"elapsed", "(<-tables: stream, unit?: duration, timeColumn?: string, columnName?: string) => stream", ts_flux_op_elapsed},
    {"exponentialMovingAverage", "(<-tables: stream, n: int, columns?: array) => stream", ts_flux_op_exponential_moving_average},
    {"fill", "(<-tables: stream, column?: string, value?: any, usePrevious?: bool) => stream", ts_flux_op_fill},
    {"filter", "(<-tables: stream, fn: function, onEmpty?: string) => stream", ts_flux_op_filter},
    {"findColumn", "(<-tables: stream, fn: function, column: string) => array", ts_flux_op_find_column},
    {"findRecord", "(<-tables: stream, fn: function, idx: int) => record", ts_flux_op_find_record},
    {"first", "(<-tables: stream, column?: string) => stream", ts_flux_op_first},
    {"from", FROM, ts_flux_op_from},
    {"getColumn", "(<-table: stream, column: string) => array", ts_flux_op_get_column},
    {"getRecord", "(<-table: stream, idx: int) => record", ts_flux_op_get_record},
    {"group", "(<-tables: stream, mode?: string, columns?: array) => stream", ts_flux_op_group},
    {"histogram",
     "(<-tables: stream, column?: string, upperBoundColumn?: string, countColumn?: string, bins: array, normalize?: bool) => stream",
     ts_flux_op_histogram},
    {"histogramQuantile",
     "(<-tables: stream, quantile?: float, countColumn?: string, upperBoundColumn?: string, valueColumn?: string, minValue?: float, onNonmonotonic?: string) => stream",
     ts_flux_op_histogram_quantile},
    {"_hourSelection",
     "(<-tables: stream, start: int, stop: int, location: record, timeColumn?: string) => stream",
     ts_flux_op_hour_selection},
    {"integral",
     "(<-tables: stream, unit?: duration, timeColumn?: string, column?: string, interpolate?: string) => stream",
     ts_flux_op_integral},
    {"join", "(<-tables: record, method?: string, on?: array) => stream", ts_flux_op_join},
    {"kaufmansAMA", "(<-tables: stream, n: int, column?: string) => stream", ts_flux_op_kaufmans_ama},
    {"keep", "(<-tables: stream, columns?: array, fn?: function) => stream", ts_flux_op_keep},
    {"keyValues", "(<-tables: stream, keyColumns?: array) => stream", ts_flux_op_key_values},
    {"keys", "(<-tables: stream, column?: string) => stream", ts_flux_op_keys},
    {"last", "(<-tables: stream, column?: string) => stream", ts_flux_op_last},
    {"limit", "(<-tables: stream, n: int, offset?: int) => stream", ts_flux_op_limit},
    {"map", "(<-tables: stream, fn: function, mergeKey?: bool) => stream", ts_flux_op_map},
    {"max", "(<-tables: stream, column?: string) => stream", ts_flux_op_max},
    {"mean", "(<-tables: stream, column?: string) => stream", ts_flux_op_mean},
    {"min", "(<-tables: stream, column?: string) => stream", ts_flux_op_min},
    {"mode", "(<-tables: stream, column?: string) => stream", ts_flux_op_mode},
    {"movingAverage", "(<-tables: stream, n: int, columns?: array) => stream", ts_flux_op_moving_average},
    {"pivot", "(<-tables: stream, rowKey: array, columnKey: array, valueColumn: string) => stream", ts_flux_op_pivot},
    {"quantile", "(<-tables: stream, column?: string, q: float, compression?: float, method?: string) => stream", ts_flux_op_quantile},
    {"range",
     "(<-tables: stream, start: any, stop?: any, timeColumn?: string, startColumn?: string, stopColumn?: string) => stream",
     ts_flux_op_range},
    {"reduce", "(<-tables: stream, fn: function, identity: record) => stream", ts_flux_op_reduce},
    {"rename", "(<-tables: stream, columns?: record, fn?: function) => stream", ts_flux_op_rename},
    {"relativeStrengthIndex", "(<-tables: stream, n: int, columns?: array) => stream", ts_flux_op_rsi},
    {"sample", "(<-tables: stream, n: int, pos?: int, column?: string) => stream", ts_flux_op_sample},
    {"set", "(<-tables: stream, key: string, value: string) => stream", ts_flux_op_set},
    {"skew", "(<-tables: stream, column?: string) => stream", ts_flux_op_skew},
    {"sort", "(<-tables: stream, columns?: array, desc?: bool) => stream", ts_flux_op_sort},
    {"spread", "(<-tables: stream, column?: string) => stream", ts_flux_op_spread},
    {"stateTracking",
     "(<-tables: stream, fn: function, countColumn?: string, durationColumn?: string, durationUnit?: duration, timeColumn?: string) => stream",
     ts_flux_op_state_tracking},
    {"stddev", "(<-tables: stream, column?: string, mode?: string) => stream", ts_flux_op_stddev},
    {"sum", "(<-tables: stream, column?: string) => stream", ts_flux_op_sum},
    {"tableFind", "(<-tables: stream, fn: function) => stream", ts_flux_op_table_find},
    {"tail", "(<-tables: stream, n: int, offset?: int) => stream", ts_flux_op_tail},
    {"timeShift", "(<-tables: stream, duration: duration, columns?: array) => stream", ts_flux_op_time_shift},
    {"tripleExponentialDerivative", "(<-tables: stream, n: int, columns?: array) => stream", ts_flux_op_trix},
    {"union", "(tables: array) => stream", ts_flux_op_union},
    {"unique", "(<-tables: stream, column?: string) => stream", ts_flux_op_unique},
    {"_window",
     "(<-tables: stream, every: duration, period: duration, offset: duration, location: record, timeColumn: string, startColumn: string, stopColumn: string, createEmpty: bool) => stream",
     ts_flux_op_window},
    {"_aggregateWindow",
     "(<-tables: stream, every: duration, fn: function, period: duration, offset: duration, location: record, column: string, "
     "timeSrc: string, timeDst: string, createEmpty: bool, otherwise: function) => stream",
     ts_flux_op_aggregate_window},
    {"_fillEmpty", "(<-tables: stream) => stream", ts_flux_op_table_fill},
    {"_truncate", "(t: null|time, unit: duration, location: record) => time", truncate_time},
    {"yield", "(<-tables: stream, name?: string) => stream", ts_flux_op_yield},
    {0},
};

const struct ts_flux_builtin ts_flux_std_array_tables[] = {
    {"from", "(<-rows: array) => stream", ts_flux_op_array_from},
    {0},
};

const struct ts_flux_builtin ts_flux_std_csv_tables[] = {
    {"from", "(csv?: string, mode?: string, file?: string, url?: string) => stream", ts_flux_op_csv_from},
    {0},
};

const struct ts_flux_builtin ts_flux_std_table_tables[] = {
    {"fill", "(<-tables: stream) => stream", ts_flux_op_table_fill},
    {0},
};

const struct ts_flux_builtin ts_flux_std_experimental_tables[] = {
    /* as in universe: their column is _value unless told otherwise */
    {"count", "(<-tables: stream, column?: string) => stream", ts_flux_op_count},
    {"distinct", "(<-tables: stream, column?: string) => stream", ts_flux_op_distinct},
    {"fill", "(<-tables: stream, column?: string, value?: any, usePrevious?: bool) => stream", ts_flux_op_fill},
    {"first", "(<-tables: stream, column?: string) => stream", ts_flux_op_first},
    {"histogram",
     "(<-tables: stream, column?: string, upperBoundColumn?: string, countColumn?: string, bins: array, normalize?: bool) => stream",
     ts_flux_op_histogram},
    {"histogramQuantile",
     "(<-tables: stream, quantile?: float, countColumn?: string, upperBoundColumn?: string, valueColumn?: string, minValue?: float, onNonmonotonic?: string) => stream",
     ts_flux_op_histogram_quantile},
    {"integral",
     "(<-tables: stream, unit?: duration, timeColumn?: string, column?: string, interpolate?: string) => stream",
     ts_flux_op_integral},
    {"kaufmansAMA", "(<-tables: stream, n: int, column?: string) => stream", ts_flux_op_kaufmans_ama},
    {"last", "(<-tables: stream, column?: string) => stream", ts_flux_op_last},
    {"max", "(<-tables: stream, column?: string) => stream", ts_flux_op_max},
    {"mean", "(<-tables: stream, column?: string) => stream", ts_flux_op_mean},
    {"min", "(<-tables: stream, column?: string) => stream", ts_flux_op_min},
    {"mode", "(<-tables: stream, column?: string) => stream", ts_flux_op_mode},
    {"quantile", "(<-tables: stream, column?: string, q: float, compression?: float, method?: string) => stream", ts_flux_op_quantile},
    {"skew", "(<-tables: stream, column?: string) => stream", ts_flux_op_skew},
    {"spread", "(<-tables: stream, column?: string) => stream", ts_flux_op_spread},
    {"stddev", "(<-tables: stream, column?: string, mode?: string) => stream", ts_flux_op_stddev},
    {"sum", "(<-tables: stream, column?: string) => stream", ts_flux_op_sum},
    {"unique", "(<-tables: stream, column?: string) => stream", ts_flux_op_unique},
    {"preview", "(<-tables: stream, nrows?: int, ntables?: int) => stream", ts_flux_op_preview},
    {"set", "(<-tables: stream, o: record) => stream", ts_flux_op_experimental_set},
    {"join", "(left: stream, right: stream, fn: function) => stream", ts_flux_op_experimental_join},
    {"group", "(<-tables: stream, mode: string, columns: array) => stream", ts_flux_op_group},
    {"unpivot", "(<-tables: stream, otherColumns?: array) => stream", ts_flux_op_unpivot},
    {0},
};

const struct ts_flux_builtin ts_flux_std_interpolate_tables[] = {
    {"linear", "(<-tables: stream, every: duration) => stream", ts_flux_op_linear},
    {0},
};

const struct ts_flux_builtin ts_flux_std_debug_tables[] = {
    {"sink", "(<-tables: stream) => stream", ts_flux_op_sink},
    {0},
};

const struct ts_flux_builtin ts_flux_std_join_tables[] = {
    {"tables", "(<-left: stream, right: stream, on: function, as: function, method: string) => stream", ts_flux_op_join_tables},
    {0},
};

const struct ts_flux_builtin ts_flux_std_gen[] = {
    {"tables", "(n: int, nulls?: float, tags?: array, seed?: int) => stream", ts_flux_op_gen_tables},
    {0},
};

const struct ts_flux_builtin ts_flux_std_tsagg_tables[] = {
    {"distinct", "(<-tables: stream, column?: string) => stream", ts_flux_op_sketch_distinct},
    {"merge", "(<-tables: stream, column?: string) => stream", ts_flux_op_sketch_merge},
    {"quantile", "(<-tables: stream, q: float, column?: string) => stream", ts_flux_op_sketch_quantile},
    {0},
};
