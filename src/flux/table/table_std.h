#ifndef TS_FLUX_TABLE_STD_H
#define TS_FLUX_TABLE_STD_H
/* Functions of tables as builtins (std/std_tables.c has their names and signatures). They make plans; nothing
 * runs yet. */
#include "flux/table/table_ops.h"

#define TS_FLUX_TABLE_OP(fn)                                                                                 \
    int ts_flux_op_##fn(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
TS_FLUX_TABLE_OP(chande);
TS_FLUX_TABLE_OP(columns);
TS_FLUX_TABLE_OP(count);
TS_FLUX_TABLE_OP(covariance);
TS_FLUX_TABLE_OP(cumulative_sum);
TS_FLUX_TABLE_OP(derivative);
TS_FLUX_TABLE_OP(difference);
TS_FLUX_TABLE_OP(distinct);
TS_FLUX_TABLE_OP(drop);
TS_FLUX_TABLE_OP(duplicate);
TS_FLUX_TABLE_OP(elapsed);
TS_FLUX_TABLE_OP(exponential_moving_average);
TS_FLUX_TABLE_OP(fill);
TS_FLUX_TABLE_OP(filter);
TS_FLUX_TABLE_OP(find_column);
TS_FLUX_TABLE_OP(find_record);
TS_FLUX_TABLE_OP(first);
TS_FLUX_TABLE_OP(get_column);
TS_FLUX_TABLE_OP(get_record);
TS_FLUX_TABLE_OP(group);
TS_FLUX_TABLE_OP(histogram);
TS_FLUX_TABLE_OP(histogram_quantile);
TS_FLUX_TABLE_OP(hour_selection);
TS_FLUX_TABLE_OP(integral);
TS_FLUX_TABLE_OP(join);
TS_FLUX_TABLE_OP(kaufmans_ama);
TS_FLUX_TABLE_OP(keep);
TS_FLUX_TABLE_OP(key_values);
TS_FLUX_TABLE_OP(keys);
TS_FLUX_TABLE_OP(last);
TS_FLUX_TABLE_OP(limit);
TS_FLUX_TABLE_OP(map);
TS_FLUX_TABLE_OP(max);
TS_FLUX_TABLE_OP(mean);
TS_FLUX_TABLE_OP(min);
TS_FLUX_TABLE_OP(mode);
TS_FLUX_TABLE_OP(moving_average);
TS_FLUX_TABLE_OP(pivot);
TS_FLUX_TABLE_OP(quantile);
TS_FLUX_TABLE_OP(range);
TS_FLUX_TABLE_OP(reduce);
TS_FLUX_TABLE_OP(rename);
TS_FLUX_TABLE_OP(rsi);
TS_FLUX_TABLE_OP(sample);
TS_FLUX_TABLE_OP(set);
TS_FLUX_TABLE_OP(skew);
TS_FLUX_TABLE_OP(sort);
TS_FLUX_TABLE_OP(spread);
TS_FLUX_TABLE_OP(state_tracking);
TS_FLUX_TABLE_OP(stddev);
TS_FLUX_TABLE_OP(sum);
TS_FLUX_TABLE_OP(table_find);
TS_FLUX_TABLE_OP(tail);
TS_FLUX_TABLE_OP(time_shift);
TS_FLUX_TABLE_OP(trix);
TS_FLUX_TABLE_OP(union);
TS_FLUX_TABLE_OP(unique);
TS_FLUX_TABLE_OP(window);
TS_FLUX_TABLE_OP(yield);
TS_FLUX_TABLE_OP(array_from);
TS_FLUX_TABLE_OP(csv_from);
TS_FLUX_TABLE_OP(table_fill);
TS_FLUX_TABLE_OP(experimental_set);
TS_FLUX_TABLE_OP(unpivot);
TS_FLUX_TABLE_OP(linear);
TS_FLUX_TABLE_OP(sink);
TS_FLUX_TABLE_OP(aggregate_window);
TS_FLUX_TABLE_OP(gen_tables);
TS_FLUX_TABLE_OP(join_tables);
TS_FLUX_TABLE_OP(preview);
TS_FLUX_TABLE_OP(experimental_join);
TS_FLUX_TABLE_OP(from);
TS_FLUX_TABLE_OP(buckets);
TS_FLUX_TABLE_OP(tag_keys);
TS_FLUX_TABLE_OP(tag_values);
TS_FLUX_TABLE_OP(sketch_distinct);
TS_FLUX_TABLE_OP(sketch_merge);
TS_FLUX_TABLE_OP(sketch_quantile);
#undef TS_FLUX_TABLE_OP

#endif
