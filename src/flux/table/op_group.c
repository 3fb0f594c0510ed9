/*
 * group(): rows under other keys. A chunk whose grouping columns are constant goes to its table as it is;
 * others are split by a hash of those columns' values. Tables come out at the end, in the order of their
 * keys. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/table/table_group.h"
#include "flux/table/table_scan.h"

static uint64_t hash_row(const struct ts_flux_split *sp, size_t row)
{
    uint64_t h = 0;
    for (size_t k = 0; k < sp->nby; k++) {
        const struct ts_flux_column *col = sp->chk->cols[sp->by[k]].col;
        uint64_t v = UINT64_C(0x5bd1e995);
        if (ts_flux_column_null(col, row)) {
            v = 1;
        } else if (col->type == TS_FLUX_STRING) {
            for (size_t i = 0; i < col->s[row].len; i++)
                v = (v ^ (uint8_t)col->s[row].p[i]) * UINT64_C(0x100000001b3);
        } else {
            v ^= col->type == TS_FLUX_BOOL ? col->b[row] : col->u[row];
        }
        h = (h ^ v) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 31;
    }
    return h;
}

static bool same_row(const struct ts_flux_split *sp, size_t a, size_t b)
{
    for (size_t k = 0; k < sp->nby; k++) {
        const struct ts_flux_column *col = sp->chk->cols[sp->by[k]].col;
        bool na = ts_flux_column_null(col, a), nb = ts_flux_column_null(col, b);
        if (na != nb)
            return false;
        if (na)
            continue;
        bool same = col->type == TS_FLUX_STRING ? ts_str_eq(col->s[a], col->s[b])
                    : col->type == TS_FLUX_BOOL ? col->b[a] == col->b[b]
                                                : col->u[a] == col->u[b];
        if (!same)
            return false;
    }
    return true;
}

static void assign(struct ts_flux_split *sp)
{
    for (size_t row = 0; row < sp->chk->n; row++) {
        if (row && same_row(sp, row, row - 1)) {
            sp->group[row] = sp->group[row - 1];
            continue;
        }
        size_t i = hash_row(sp, row) & (sp->nslots - 1);
        while (sp->slots[i] && !same_row(sp, sp->first[sp->slots[i] - 1], row))
            i = (i + 1) & (sp->nslots - 1);
        if (!sp->slots[i]) {
            sp->first[sp->ngroups] = (uint32_t)row;
            sp->slots[i] = (uint32_t)++sp->ngroups;
        }
        sp->group[row] = sp->slots[i] - 1;
    }
    for (size_t row = 0; row < sp->chk->n; row++)
        sp->start[sp->group[row] + 1]++;
    for (size_t g = 0; g < sp->ngroups; g++)
        sp->start[g + 1] += sp->start[g];
    for (size_t row = 0; row < sp->chk->n; row++)
        sp->sel[sp->start[sp->group[row]]++] = (uint32_t)row;
    for (size_t g = sp->ngroups; g > 0; g--)
        sp->start[g] = sp->start[g - 1];
    sp->start[0] = 0;
}

int ts_flux_split_init(struct ts_flux_run *run, struct ts_flux_split *sp, const struct ts_flux_chunk *chk,
                       const uint32_t *by, size_t nby)
{
    size_t n = chk->n;
    *sp = (struct ts_flux_split){.chk = chk, .by = by, .nby = nby, .nslots = 16};
    while (sp->nslots < n * 2)
        sp->nslots *= 2;
    sp->words = n * 4 + 1 + sp->nslots;
    uint32_t *p = sp->mem = ts_flux_mem_alloc(&run->mem, sp->words * sizeof *p);
    if (!p)
        return ts_flux_fail_nomem(run);
    sp->group = p;
    sp->first = p + n;
    sp->sel = p + n * 2;
    sp->start = p + n * 3;
    sp->slots = p + n * 4 + 1;
    assign(sp);
    return 0;
}

void ts_flux_split_fini(struct ts_flux_run *run, struct ts_flux_split *sp)
{
    ts_flux_mem_free(&run->mem, sp->mem, sp->words * sizeof *sp->mem);
}

/* Who takes the parts. */
struct target {
    struct ts_flux_run *run;
    ts_flux_part_fn fn;
    void *arg;
    bool nulls; /* a grouping column that the chunk lacks is null, instead of left out */
};

/* The rows sel of chk as a table whose key is these columns of its first row. */
static int give(const struct target *to, struct ts_flux_chunk *chk, const struct ts_flux_name *const *names,
                size_t n, const uint32_t *sel, size_t nsel)
{
    struct ts_flux_run *run = to->run;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_key_col *cols = ts_flux_arena_alloc(&run->scratch, n * sizeof *cols);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    size_t nkey = 0, row = sel ? sel[0] : 0;
    if (!cols)
        return ts_flux_fail_nomem(run);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        struct ts_flux_slot slot = chk->cols[i];
        bool keyed = false;
        for (size_t k = 0; k < n && !keyed; k++)
            keyed = names[k] == slot.name;
        if (keyed) {
            const struct ts_flux_value *v = chk->n ? NULL : ts_flux_key_get(chk->key, slot.name);
            cols[nkey++] = (struct ts_flux_key_col){slot.name, v ? *v
                                                               : chk->n || slot.col->konst
                                                                   ? ts_flux_column_get(slot.col, row)
                                                                   : ts_flux_null(slot.col->type)};
        }
        if (keyed && !slot.col->konst)
            ts_flux_maker_const(&mk, slot.name, cols[nkey - 1].v);
        else
            ts_flux_maker_add(&mk, slot.name,
                              sel ? ts_flux_column_gather(slot.col, sel, nsel)
                                  : ts_flux_column_ref(slot.col));
    }
    for (size_t k = 0; to->nulls && k < n; k++) {
        if (ts_flux_chunk_col(chk, names[k]) >= 0)
            continue;
        cols[nkey++] = (struct ts_flux_key_col){names[k], ts_flux_null(TS_FLUX_STRING)};
        ts_flux_maker_const(&mk, names[k], ts_flux_null(TS_FLUX_STRING));
    }
    struct ts_flux_key *key = ts_flux_key_new(&run->mem, cols, nkey);
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, sel ? nsel : chk->n);
    ts_flux_key_unref(&key);
    ts_flux_arena_release(&run->scratch, mark);
    return to->fn(to->arg, out);
}

static int split_rows(const struct target *to, struct ts_flux_chunk *chk,
                      const struct ts_flux_name *const *names, size_t n, const uint32_t *by, size_t nby)
{
    struct ts_flux_split sp;
    int rc = ts_flux_split_init(to->run, &sp, chk, by, nby);
    for (size_t g = 0; rc == 0 && g < sp.ngroups; g++)
        rc = give(to, chk, names, n, sp.sel + sp.start[g], sp.start[g + 1] - sp.start[g]);
    ts_flux_split_fini(to->run, &sp);
    return rc;
}

static int split(const struct target *to, struct ts_flux_chunk *chk, const struct ts_flux_name *const *names,
                 size_t n)
{
    struct ts_flux_mem *mem = &to->run->mem;
    size_t nby = 0, bytes = n * sizeof(uint32_t);
    uint32_t *by = ts_flux_mem_alloc(mem, bytes);
    if (!by)
        return ts_flux_fail_nomem(to->run);
    for (size_t k = 0; k < n; k++) {
        int i = ts_flux_chunk_col(chk, names[k]);
        if (i >= 0 && !chk->cols[i].col->konst)
            by[nby++] = (uint32_t)i;
    }
    int rc =
        nby == 0 || chk->n == 0 ? give(to, chk, names, n, NULL, 0) : split_rows(to, chk, names, n, by, nby);
    ts_flux_mem_free(mem, by, bytes);
    return rc;
}

static int collect(void *arg, struct ts_flux_chunk *part)
{
    return ts_flux_collect(arg, part);
}

int ts_flux_regroup(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk,
                    const struct ts_flux_name *const *names, size_t n)
{
    return split(&(struct target){cur->run, collect, cur, false}, chk, names, n);
}

bool ts_flux_group_has(const struct ts_flux_group_args *args, const struct ts_flux_name *name)
{
    return args->extend || ts_flux_cols_has(&args->cols, name) != args->except;
}

int ts_flux_group_chunk(struct ts_flux_run *run, const struct ts_flux_group_args *args,
                        struct ts_flux_chunk *chk, ts_flux_part_fn fn, void *arg)
{
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    const struct ts_flux_name **names =
        ts_flux_arena_alloc(&run->scratch, (chk->ncols + args->cols.n) * sizeof *names);
    if (!names)
        return ts_flux_fail_nomem(run);
    size_t n = 0;
    bool in_key = true, nulls = args->stored && fn != collect; /* as InfluxDB has it when it folds what storage has grouped */
    for (unsigned i = 0; nulls && i < args->cols.n; i++)
        if (ts_flux_chunk_col(chk, args->cols.v[i]) < 0)
            names[n++] = args->cols.v[i];
    for (uint32_t i = 0; i < chk->ncols; i++) {
        const struct ts_flux_name *name = chk->cols[i].name;
        bool was = ts_flux_key_get(chk->key, name) != NULL;
        if (ts_flux_cols_has(&args->cols, name) != args->except || (args->extend && was)) {
            names[n++] = name;
            in_key = in_key && was;
        }
    }
    /* of an empty table only a key that it had can be known */
    int rc = chk->n == 0 && !in_key ? 0 : split(&(struct target){run, fn, arg, nulls}, chk, names, n);
    ts_flux_arena_release(&run->scratch, mark);
    return rc;
}

static int group_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct ts_flux_group_args *args = cur->args;
    if (args->stored && !cur->tables) {
        cur->tables = ts_flux_tables_new(cur->run);
        if (!cur->tables)
            return ts_flux_fail_nomem(cur->run);
        ts_flux_tables_order(cur->tables, args->cols.v, args->cols.n);
    }
    return ts_flux_group_chunk(cur->run, cur->args, chk, collect, cur);
}

static const struct ts_flux_operator group_op = {.name = "group", .feed = group_feed};

const struct ts_flux_group_args *ts_flux_group_of(const struct ts_flux_stream *stream)
{
    return stream->op == &group_op ? stream->args : NULL;
}

/* Storage groups by tags, within the bounds: they stay in the key. */
static int stored_cols(struct ts_flux_run *run, struct ts_flux_group_args *ga)
{
    static const char *const names[] = {"_start", "_stop", "_time", "_value"};
    const struct ts_flux_name *nm[TS_ARRAY_SIZE(names)];
    for (size_t i = 0; i < TS_ARRAY_SIZE(names); i++)
        if (!(nm[i] = ts_flux_name_of(&run->names, ts_str_of(names[i]))))
            return ts_flux_fail_nomem(run);
    if (ts_flux_cols_has(&ga->cols, nm[2]) || ts_flux_cols_has(&ga->cols, nm[3]))
        return 0;
    struct ts_flux_cols cols = {.v = ts_flux_new(run, (ga->cols.n + 2) * sizeof *cols.v)};
    if (!cols.v)
        return -TS_EQUERY;
    for (unsigned i = 0; i < ga->cols.n; i++)
        cols.v[cols.n++] = ga->cols.v[i];
    for (unsigned i = 0; i < 2; i++)
        if (!ts_flux_cols_has(&cols, nm[i]))
            cols.v[cols.n++] = nm[i];
    ga->cols = cols;
    ga->stored = true;
    return 0;
}

int ts_flux_op_group(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct ts_flux_group_args ga = {.except = ts_flux_is(args->v[1], "except"),
                                    .extend = ts_flux_is(args->v[1], "extend")};
    if (ts_flux_given(args, 1) && !ga.except && !ga.extend && !ts_flux_is(args->v[1], "by"))
        return ts_flux_fail(run, "invalid group mode: must be \"by\" or \"except\"");
    int rc = ts_flux_arg_cols(run, args->v[2], "", &ga.cols);
    if (rc == 0 && !ga.except && !ga.extend && ts_flux_scan_stored(args->v[0].stream))
        rc = stored_cols(run, &ga);
    return rc ? rc : ts_flux_plan(run, &group_op, &ga, sizeof ga, args->v[0].stream, out);
}
