/*
 * sort, fill, timeShift, union, unions' like: order and values of rows. sort is stable; nulls come first
 * whichever way it goes. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "flux/exec/exec_time.h"

/* ---- sort ---- */

struct sort_args {
    struct ts_flux_cols cols;
    bool desc;
};

static int cmp_rows(const struct ts_flux_column *const *cols, size_t ncols, bool desc, uint32_t a, uint32_t b)
{
    for (size_t k = 0; k < ncols; k++) {
        const struct ts_flux_column *col = cols[k];
        bool na = ts_flux_column_null(col, a), nb = ts_flux_column_null(col, b);
        int c;
        if (na || nb) {
            if (na != nb)
                return na ? -1 : 1;
            continue;
        }
        switch (col->type) {
        case TS_FLUX_FLOAT: {
            double x = col->f[a], y = col->f[b];
            c = x != x || y != y ? (y != y) - (x != x) : (x > y) - (x < y);
            break;
        }
        case TS_FLUX_UINT: c = (col->u[a] > col->u[b]) - (col->u[a] < col->u[b]); break;
        case TS_FLUX_BOOL: c = (int)col->b[a] - (int)col->b[b]; break;
        case TS_FLUX_STRING: c = ts_str_cmp(col->s[a], col->s[b]); break;
        default: c = (col->i[a] > col->i[b]) - (col->i[a] < col->i[b]); break;
        }
        if (c)
            return desc ? -c : c;
    }
    return 0;
}

/* Merge sort: stable, and rows that are in order already cost one comparison each. */
static void sort_rows(const struct ts_flux_column *const *cols, size_t ncols, bool desc, uint32_t *v,
                      uint32_t *tmp, size_t n)
{
    if (n < 2)
        return;
    size_t half = n / 2;
    sort_rows(cols, ncols, desc, v, tmp, half);
    sort_rows(cols, ncols, desc, v + half, tmp + half, n - half);
    if (cmp_rows(cols, ncols, desc, v[half - 1], v[half]) <= 0)
        return;
    memcpy(tmp, v, half * sizeof *v);
    size_t i = 0, j = half, k = 0;
    while (i < half && j < n)
        v[k++] = cmp_rows(cols, ncols, desc, tmp[i], v[j]) <= 0 ? tmp[i++] : v[j++];
    while (i < half)
        v[k++] = tmp[i++];
}

int ts_flux_sort_chunk(struct ts_flux_run *run, struct ts_flux_chunk *chk, const struct ts_flux_cols *by,
                       bool desc, struct ts_flux_chunk **out)
{
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    const struct ts_flux_column **cols = ts_flux_arena_alloc(&run->scratch, by->n * sizeof *cols);
    size_t ncols = 0, bytes = TS_MAX(chk->n, (size_t)1) * 2 * sizeof(uint32_t);
    uint32_t *sel = cols ? ts_flux_mem_alloc(&run->mem, bytes) : NULL;
    *out = NULL;
    if (!sel)
        return ts_flux_fail_nomem(run);
    for (unsigned i = 0; i < by->n; i++) {
        const struct ts_flux_column *col = ts_flux_chunk_column(chk, by->v[i]);
        if (col && !col->konst)
            cols[ncols++] = col;
    }
    for (size_t i = 0; i < chk->n; i++)
        sel[i] = (uint32_t)i;
    if (ncols)
        sort_rows(cols, ncols, desc, sel, sel + chk->n, chk->n);
    *out = ncols ? ts_flux_chunk_gather(chk, sel, chk->n) : ts_flux_chunk_ref(chk);
    ts_flux_mem_free(&run->mem, sel, bytes);
    ts_flux_arena_release(&run->scratch, mark);
    return *out ? 0 : ts_flux_fail_nomem(run);
}

static int sort_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct sort_args *args = cur->args;
    struct ts_flux_chunk *out;
    int rc = ts_flux_sort_chunk(cur->run, chk, &args->cols, args->desc, &out);
    return rc ? rc : ts_flux_emit(cur, out);
}

static const struct ts_flux_operator sort_op = {.name = "sort", .whole = true, .feed = sort_feed};

int ts_flux_op_sort(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct sort_args sa = {.desc = ts_flux_arg_bool(args->v[2], false)};
    int rc = ts_flux_arg_cols(run, args->v[1], "_value", &sa.cols);
    return rc ? rc : ts_flux_plan(run, &sort_op, &sa, sizeof sa, args->v[0].stream, out);
}

/* ---- fill ---- */

struct fill_args {
    const struct ts_flux_name *column;
    struct ts_flux_value value; /* NONE: the one before */
};

struct fill {
    struct ts_flux_column *before; /* the last chunk's column, whose value at row goes on; NULL: none yet */
    size_t row;
};

static void fill_close(struct ts_flux_cursor *cur)
{
    struct fill *st = cur->st;
    ts_flux_column_unref(&st->before);
}

static struct ts_flux_column *fill_column(struct ts_flux_cursor *cur, struct ts_flux_column *col, size_t n)
{
    const struct fill_args *args = cur->args;
    struct fill *st = cur->st;
    bool previous = args->value.type == TS_FLUX_NONE;
    struct ts_flux_value v = previous ? ts_flux_null(col->type) : args->value;
    if (previous && st->before)
        v = ts_flux_column_get(st->before, st->row);
    struct ts_flux_column *out = ts_flux_column_new(col->mem, col->type, TS_MAX(n, (size_t)1));
    bool ok = out != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        bool null = ts_flux_column_null(col, i);
        if (previous && !null) {
            v = ts_flux_column_get(col, i);
            ts_flux_column_unref(&st->before);
            st->before = ts_flux_column_ref(col);
            st->row = i;
        }
        ok = ts_flux_column_push(out, null ? v : ts_flux_column_get(col, i)) == 0;
    }
    if (!ok)
        ts_flux_column_unref(&out);
    return out;
}

static int fill_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct fill_args *args = cur->args;
    struct fill *st = cur->st;
    struct ts_flux_run *run = cur->run;
    bool previous = args->value.type == TS_FLUX_NONE;
    struct ts_flux_column *col = ts_flux_chunk_column(chk, args->column);
    const struct ts_flux_value *keyed = ts_flux_key_get(chk->key, args->column);
    if (cur->new_table)
        ts_flux_column_unref(&st->before);
    if ((!col && previous) || (keyed && (previous || !keyed->null)) ||
        (col && !col->nulls && col->type != TS_FLUX_NULL))
        return ts_flux_emit(cur, ts_flux_chunk_ref(chk));
    if (col && !previous && col->type != args->value.type && col->type != TS_FLUX_NULL)
        return ts_flux_fail(run, "fill column type mismatch: %s/%s", ts_flux_type_text(col->type),
                            ts_flux_type_text(args->value.type));
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_key *key = ts_flux_key_ref(chk->key);
    ts_flux_maker_share_all(&mk, chk);
    if (keyed) {
        ts_flux_key_unref(&key);
        key = ts_flux_key_with(run, chk->key, args->column, args->value);
    }
    if (!col || col->type == TS_FLUX_NULL || (col->konst && !previous))
        ts_flux_maker_const(&mk, args->column, previous ? ts_flux_null(TS_FLUX_NULL) : args->value);
    else
        ts_flux_maker_add(&mk, args->column, fill_column(cur, col, chk->n));
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&key);
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator fill_op = {
    .name = "fill", .state = sizeof(struct fill), .feed = fill_feed, .close = fill_close};

int ts_flux_op_fill(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct fill_args fa = {.value = args->v[2]};
    bool previous = ts_flux_arg_bool(args->v[3], false);
    if (previous && ts_flux_given(args, 2))
        return ts_flux_fail(run, "fill cannot set a value and usePrevious as well");
    if (!previous && !ts_flux_given(args, 2))
        return ts_flux_fail(run, "fill requires one of value or usePrevious");
    if (previous)
        fa.value = (struct ts_flux_value){0};
    else if (!ts_flux_is_column(fa.value.type))
        return ts_flux_fail(run, "value for fill: unsupported type %s", ts_flux_type_text(fa.value.type));
    int rc = ts_flux_arg_name(run, args->v[1], "_value", &fa.column);
    return rc ? rc : ts_flux_plan(run, &fill_op, &fa, sizeof fa, args->v[0].stream, out);
}

/* ---- timeShift ---- */

struct shift_args {
    struct ts_flux_dur by;
    struct ts_flux_cols cols;
};

static int64_t shifted(const struct shift_args *args, int64_t t)
{
    return ts_flux_time_add(t, args->by, 1);
}

static struct ts_flux_column *shift_column(const struct shift_args *args, struct ts_flux_column *col)
{
    struct ts_flux_column *out = ts_flux_column_new(col->mem, col->type, TS_MAX(col->n, (size_t)1));
    if (out && ts_flux_column_append(out, col, 0, 1) == 0 && col->konst) {
        out->i[0] = shifted(args, col->i[0]);
        out->konst = true;
        out->mask = 0;
        return out;
    }
    if (out && col->n > 1 && ts_flux_column_append(out, col, 1, col->n - 1))
        ts_flux_column_unref(&out);
    for (size_t i = 0; out && i < out->n; i++)
        out->i[i] = shifted(args, out->i[i]);
    return out;
}

static int shift_feed(struct ts_flux_cursor *cur, struct ts_flux_chunk *chk)
{
    const struct shift_args *args = cur->args;
    struct ts_flux_run *run = cur->run;
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    struct ts_flux_key *key = ts_flux_key_ref(chk->key);
    for (uint32_t i = 0; i < chk->ncols; i++) {
        struct ts_flux_slot slot = chk->cols[i];
        if (slot.col->type != TS_FLUX_TIME || !ts_flux_cols_has(&args->cols, slot.name) ||
            (chk->n == 0 && !slot.col->konst)) {
            ts_flux_maker_share(&mk, chk, i);
            continue;
        }
        ts_flux_maker_add(&mk, slot.name, shift_column(args, slot.col));
        const struct ts_flux_value *v = key ? ts_flux_key_get(key, slot.name) : NULL;
        if (v && !v->null) {
            struct ts_flux_key *with =
                ts_flux_key_with(run, key, slot.name, ts_flux_time(shifted(args, v->i)));
            ts_flux_key_unref(&key);
            key = with;
        }
    }
    struct ts_flux_chunk *out = ts_flux_maker_end(&mk, key, chk->n);
    ts_flux_key_unref(&key);
    return ts_flux_emit(cur, out);
}

static const struct ts_flux_operator shift_op = {.name = "timeShift", .feed = shift_feed};

int ts_flux_op_time_shift(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct shift_args sa = {.by = ts_flux_dur_of(args->v[1])};
    int rc = ts_flux_arg_cols(run, args->v[2], "_start _stop _time", &sa.cols);
    if (rc == 0)
        rc = ts_flux_plan(run, &shift_op, &sa, sizeof sa, args->v[0].stream, out);
    if (rc)
        return rc;
    struct ts_flux_span *span = &out->stream->span;
    if (span->set)
        *span = (struct ts_flux_span){true, shifted(&sa, span->start), shifted(&sa, span->stop)};
    return 0;
}
