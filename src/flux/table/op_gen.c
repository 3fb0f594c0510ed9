/*
 * internal/gen.tables: tables of made-up numbers, the same for the same seed; for tests and measurements. A
 * table for each combination of tag values, n rows 10 s apart from 2020-01-01 on, chunk by chunk. Thread: the
 * query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include <stdio.h>

#define FIRST_NS (INT64_C(1577836800) * TS_SEC)
#define STEP_NS  (10 * TS_SEC)

struct tag {
    const struct ts_flux_name *name;
    int64_t cardinality;
};

struct gen_args {
    int64_t n, tables;
    double nulls;
    uint64_t seed;
    struct tag *tags;
    uint32_t ntags;
    const struct ts_flux_name *time, *value;
};

struct gen {
    int64_t table, row;
    uint64_t random;
    struct ts_flux_key *key;
};

/* splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static double fraction(uint64_t *state)
{
    return (double)(next_random(state) >> 11) * 0x1p-53;
}

static struct ts_flux_key *gen_key(struct ts_flux_cursor *cur)
{
    const struct gen_args *args = cur->args;
    struct gen *st = cur->st;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_key_col *cols = ts_flux_arena_alloc(&run->scratch, args->ntags * sizeof *cols);
    int64_t rest = st->table;
    bool ok = cols != NULL;
    for (uint32_t i = 0; ok && i < args->ntags; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "v%lld", (long long)(rest % args->tags[i].cardinality));
        struct ts_str s = ts_flux_arena_str(&run->scratch, (struct ts_str){text, (size_t)n});
        ok = s.p != NULL;
        cols[i] = (struct ts_flux_key_col){args->tags[i].name, ts_flux_string(s)};
        rest /= args->tags[i].cardinality;
    }
    struct ts_flux_key *key = ok ? ts_flux_key_new(&run->mem, cols, args->ntags) : NULL;
    ts_flux_arena_release(&run->scratch, mark);
    return key;
}

static int gen_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    const struct gen_args *args = cur->args;
    struct gen *st = cur->st;
    struct ts_flux_run *run = cur->run;
    if (st->row == args->n) {
        st->table++;
        st->row = 0;
        ts_flux_key_unref(&st->key);
    }
    if (st->table >= args->tables || args->n == 0)
        return 0;
    if (!st->key) {
        st->random = args->seed + (uint64_t)st->table * UINT64_C(0xD1B54A32D192ED03);
        st->key = gen_key(cur);
    }
    size_t n = (size_t)TS_MIN(args->n - st->row, (int64_t)TS_FLUX_CHUNK_ROWS);
    struct ts_flux_column *time = ts_flux_column_new(&run->mem, TS_FLUX_TIME, n);
    struct ts_flux_column *value = ts_flux_column_new(&run->mem, TS_FLUX_FLOAT, n);
    bool ok = st->key && time && value;
    for (size_t i = 0; ok && i < n; i++) {
        time->i[i] = FIRST_NS + (st->row + (int64_t)i) * STEP_NS;
        value->f[i] = (double)(int64_t)(fraction(&st->random) * 100000) / 1000;
        time->n = value->n = i + 1;
        if (args->nulls > 0 && fraction(&st->random) < args->nulls)
            ok = ts_flux_column_set_null(value, i) == 0;
    }
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    ts_flux_maker_add(&mk, args->time, time);
    ts_flux_maker_add(&mk, args->value, value);
    for (uint32_t i = 0; ok && i < st->key->n; i++)
        ts_flux_maker_const(&mk, st->key->cols[i].name, st->key->cols[i].v);
    if (ok)
        *out = ts_flux_maker_end(&mk, st->key, n);
    ts_flux_maker_drop(&mk);
    st->row += (int64_t)n;
    return *out ? ts_flux_tick(run, n / 8 + 1) : ts_flux_fail_nomem(run);
}

static void gen_close(struct ts_flux_cursor *cur)
{
    struct gen *st = cur->st;
    ts_flux_key_unref(&st->key);
}

static const struct ts_flux_operator gen_op = {
    .name = "gen.tables", .state = sizeof(struct gen), .next = gen_next, .close = gen_close};

static int read_tags(struct ts_flux_run *run, const struct ts_flux_array *tags, struct gen_args *ga)
{
    ga->tags = ts_flux_arena_alloc(&run->arena, tags->n * sizeof *ga->tags);
    if (!ga->tags)
        return ts_flux_fail_nomem(run);
    for (uint32_t i = 0; i < tags->n; i++) {
        const struct ts_flux_record *rec = tags->v[i].type == TS_FLUX_RECORD ? tags->v[i].record : NULL;
        const struct ts_flux_value *name = rec ? ts_flux_record_find(rec, TS_STR("name")) : NULL;
        const struct ts_flux_value *card = rec ? ts_flux_record_find(rec, TS_STR("cardinality")) : NULL;
        if (!name || name->type != TS_FLUX_STRING || !card || card->type != TS_FLUX_INT || card->i <= 0 ||
            __builtin_mul_overflow(ga->tables, card->i, &ga->tables))
            return ts_flux_fail(run, "gen.tables: tags must be records {name: string, cardinality: int}");
        int rc = ts_flux_arg_name(run, *name, NULL, &ga->tags[i].name);
        if (rc)
            return rc;
        ga->tags[i].cardinality = card->i;
        ga->ntags++;
    }
    return 0;
}

int ts_flux_op_gen_tables(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct gen_args ga = {.n = args->v[0].i,
                          .tables = 1,
                          .nulls = ts_flux_arg_float(args->v[1], 0),
                          .seed = (uint64_t)ts_flux_arg_int(args->v[3], run->now_ns)};
    struct ts_flux_value none = {0};
    run->asked_clock |= !ts_flux_given(args, 3);
    if (ga.n < 0)
        return ts_flux_fail(run, "gen.tables: n cannot be negative");
    int rc = ts_flux_given(args, 2) ? read_tags(run, args->v[2].array, &ga) : 0;
    rc = rc ? rc : ts_flux_arg_name(run, none, "_time", &ga.time);
    rc = rc ? rc : ts_flux_arg_name(run, none, "_value", &ga.value);
    return rc ? rc : ts_flux_plan(run, &gen_op, &ga, sizeof ga, NULL, out);
}
