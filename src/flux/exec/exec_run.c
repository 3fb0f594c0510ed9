/* What every part of a query uses: errors, limits, making values, scopes. Thread: the query's. */
#include "config.h"
#include "flux/exec/exec_interp.h"

#include <stdarg.h>
#include <stdio.h>

#define LOOK_NS (100 * TS_MS)

int ts_flux_fail(struct ts_flux_run *run, const char *fmt, ...)
{
    char msg[sizeof run->error.msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return ts_flux_error_set(&run->error, run->pos, "%s", msg);
}

int ts_flux_fail_at(struct ts_flux_run *run, struct ts_flux_pos pos, const char *fmt, ...)
{
    char msg[sizeof run->error.msg];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    return ts_flux_error_set(&run->error, pos, "%s", msg);
}

int ts_flux_fail_as(struct ts_flux_run *run, int rc, const char *fmt, ...)
{
    char msg[sizeof run->error.msg];
    bool first = !run->error.msg[0];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    if (first)
        run->error.rc = rc;
    return ts_flux_error_set(&run->error, run->pos, "%s", msg);
}

int ts_flux_fail_nomem(struct ts_flux_run *run)
{
    if (run->mem.limit)
        return ts_flux_fail_as(run, -TS_ELIMIT, "memory limit of %zu bytes reached", run->mem.limit);
    return ts_flux_fail_as(run, -TS_ENOMEM, "out of memory");
}

int ts_flux_tick(struct ts_flux_run *run, uint64_t n)
{
    run->steps += n;
    if (run->limits.steps && run->steps > run->limits.steps)
        return ts_flux_fail_as(run, -TS_ELIMIT, "limit of %llu steps reached", (unsigned long long)run->limits.steps);
    if (run->error.msg[0]) /* of a place that had no way to say so */
        return -TS_EQUERY;
    if (!run->is_over && !run->limits.deadline_ns)
        return 0;
    int64_t now_ns = ts_clock_mono_ns();
    if (run->limits.deadline_ns && now_ns > run->limits.deadline_ns)
        return ts_flux_fail_as(run, -TS_ETIMEOUT, "the query took longer than it may");
    if (!run->is_over || now_ns - run->looked_ns < LOOK_NS)
        return 0;
    run->looked_ns = now_ns;
    return run->is_over(run->over_arg) ? ts_flux_fail(run, "the query was cancelled") : 0;
}

void *ts_flux_new(struct ts_flux_run *run, size_t bytes)
{
    void *p = ts_flux_arena_alloc(run->heap, bytes);
    if (!p)
        (void)ts_flux_fail_nomem(run);
    return p;
}

int ts_flux_make_string(struct ts_flux_run *run, struct ts_str s, struct ts_flux_value *out)
{
    if (s.len > UINT32_MAX)
        return ts_flux_fail(run, "a text longer than 4 GiB");
    struct ts_str copy = ts_flux_arena_str(run->heap, s);
    *out = ts_flux_string(copy);
    return copy.p ? 0 : ts_flux_fail_nomem(run);
}

int ts_flux_make_stringf(struct ts_flux_run *run, struct ts_flux_value *out, const char *fmt, ...)
{
    char z[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(z, sizeof z, fmt, ap);
    va_end(ap);
    TS_ASSERT(n >= 0 && n < (int)sizeof z);
    return ts_flux_make_string(run, (struct ts_str){z, (size_t)n}, out);
}

int ts_flux_make_array(struct ts_flux_run *run, uint32_t n, struct ts_flux_value **items,
                       struct ts_flux_value *out)
{
    struct ts_flux_array *array = ts_flux_new(run, sizeof *array);
    *items = array ? ts_flux_new(run, (size_t)n * sizeof **items) : NULL;
    if (!*items)
        return -TS_EQUERY;
    *array = (struct ts_flux_array){n, *items};
    *out = (struct ts_flux_value){.type = TS_FLUX_ARRAY, .array = array};
    return 0;
}

int ts_flux_make_shape(struct ts_flux_run *run, uint32_t n, const struct ts_str *names,
                       const struct ts_flux_shape **out)
{
    struct ts_flux_shape *shape = ts_flux_new(run, sizeof *shape);
    if (!shape || !(shape->names = ts_flux_new(run, n * sizeof *shape->names)))
        return -TS_EQUERY;
    shape->n = n;
    for (uint32_t i = 0; i < n; i++)
        if (!(shape->names[i] = ts_flux_name_of(&run->names, names[i])))
            return ts_flux_fail_nomem(run);
    *out = shape;
    return 0;
}

int ts_flux_make_record(struct ts_flux_run *run, const struct ts_flux_shape *shape,
                        struct ts_flux_value **values, struct ts_flux_value *out)
{
    struct ts_flux_record *rec = ts_flux_new(run, sizeof *rec);
    *values = rec ? ts_flux_new(run, (size_t)shape->n * sizeof **values) : NULL;
    if (!*values)
        return -TS_EQUERY;
    *rec = (struct ts_flux_record){shape, *values};
    *out = (struct ts_flux_value){.type = TS_FLUX_RECORD, .record = rec};
    return 0;
}

/* Merge sort of pairs by key; stable, so that the last of equal keys stays last. */
static void sort_pairs(struct ts_flux_value (*a)[2], struct ts_flux_value (*tmp)[2], uint32_t n)
{
    uint32_t half = n / 2, i = 0, j = half, k = 0;
    if (n < 2)
        return;
    sort_pairs(a, tmp, half);
    sort_pairs(a + half, tmp + half, n - half);
    while (i < half || j < n) {
        bool left = j == n || (i < half && ts_flux_value_cmp(a[i][0], a[j][0]) <= 0);
        memcpy(tmp[k++], a[left ? i++ : j++], sizeof *a);
    }
    memcpy(a, tmp, (size_t)n * sizeof *a);
}

int ts_flux_make_dict(struct ts_flux_run *run, uint32_t n, struct ts_flux_value *keys,
                      struct ts_flux_value *values, struct ts_flux_value *out)
{
    struct ts_flux_value(*pairs)[2] = ts_flux_new(run, (size_t)n * 2 * sizeof *pairs);
    struct ts_flux_dict *dict = pairs ? ts_flux_new(run, sizeof *dict) : NULL;
    if (!dict)
        return -TS_EQUERY;
    for (uint32_t i = 0; i < n; i++) {
        pairs[i][0] = keys[i];
        pairs[i][1] = values[i];
    }
    sort_pairs(pairs, pairs + n, n);
    for (uint32_t i = 0; i < n; i++) {
        if (i + 1 < n && ts_flux_value_cmp(pairs[i][0], pairs[i + 1][0]) == 0)
            continue;
        keys[dict->n] = pairs[i][0];
        values[dict->n++] = pairs[i][1];
    }
    dict->keys = keys;
    dict->values = values;
    *out = (struct ts_flux_value){.type = TS_FLUX_DICT, .dict = dict};
    return 0;
}

static int wrap_list(struct ts_flux_run *run, const struct ts_flux_value *from, struct ts_flux_value *to,
                     uint32_t n)
{
    int rc = 0;
    for (uint32_t i = 0; i < n && rc == 0; i++)
        rc = ts_flux_make_dynamic(run, from[i], &to[i]);
    return rc;
}

int ts_flux_make_dynamic(struct ts_flux_run *run, struct ts_flux_value v, struct ts_flux_value *out)
{
    struct ts_flux_value *inner, *items, whole = v;
    int rc = 0;
    *out = v;
    if (v.type == TS_FLUX_DYNAMIC)
        return 0;
    if (v.type == TS_FLUX_STREAM)
        return ts_flux_fail(run, "a stream of tables cannot be dynamic");
    if ((uintptr_t)__builtin_frame_address(0) < run->interp->stack_end)
        return ts_flux_fail(run, "a value nested too deep");
    if (v.type == TS_FLUX_ARRAY && !v.null) {
        rc = ts_flux_make_array(run, v.array->n, &items, &whole);
        rc = rc ? rc : wrap_list(run, v.array->v, items, v.array->n);
    } else if (v.type == TS_FLUX_RECORD && !v.null) {
        rc = ts_flux_make_record(run, v.record->shape, &items, &whole);
        rc = rc ? rc : wrap_list(run, v.record->v, items, v.record->shape->n);
    }
    inner = rc == 0 ? ts_flux_new(run, sizeof *inner) : NULL;
    if (!inner)
        return -TS_EQUERY;
    *inner = whole;
    *out = (struct ts_flux_value){.type = TS_FLUX_DYNAMIC, .dynamic = inner};
    return 0;
}

int ts_flux_yield(struct ts_flux_run *run, struct ts_str name, struct ts_flux_stream *stream)
{
    for (const struct ts_flux_yield *y = run->yields; y; y = y->next)
        if (ts_str_eq(y->name, name))
            return ts_flux_fail(run, "tried to produce more than one result with the name \"%.*s\"",
                                (int)name.len, name.p);
    struct ts_flux_yield *y = ts_flux_arena_alloc(&run->arena, sizeof *y);
    if (!y || !(y->name = ts_flux_arena_str(&run->arena, name)).p)
        return ts_flux_fail_nomem(run);
    y->stream = stream;
    y->pos = run->pos;
    *run->yields_end = y;
    run->yields_end = &y->next;
    return 0;
}

#define SHORT_SCOPE 12

struct ts_flux_scope *ts_flux_scope_new(struct ts_flux_run *run, struct ts_flux_scope *up, uint32_t cap)
{
    struct ts_flux_scope *scope = ts_flux_new(run, sizeof *scope);
    if (!scope || !(scope->b = ts_flux_new(run, TS_MAX(cap, 1u) * sizeof *scope->b)))
        return NULL;
    scope->up = up;
    scope->cap = TS_MAX(cap, 1u);
    return scope;
}

static void put_slot(struct ts_flux_scope *scope, uint32_t i)
{
    uint32_t at = scope->b[i].name->hash & (scope->nslots - 1);
    while (scope->slots[at])
        at = (at + 1) & (scope->nslots - 1);
    scope->slots[at] = i + 1;
}

static int grow(struct ts_flux_run *run, struct ts_flux_scope *scope)
{
    uint32_t cap = scope->cap * 2;
    struct ts_flux_binding *b = ts_flux_new(run, cap * sizeof *b);
    if (!b)
        return -TS_EQUERY;
    memcpy(b, scope->b, scope->n * sizeof *b);
    scope->b = b;
    scope->cap = cap;
    if (cap <= SHORT_SCOPE)
        return 0;
    scope->nslots = 64;
    while (scope->nslots < cap * 2)
        scope->nslots *= 2;
    if (!(scope->slots = ts_flux_new(run, scope->nslots * sizeof *scope->slots)))
        return -TS_EQUERY;
    for (uint32_t i = 0; i < scope->n; i++)
        put_slot(scope, i);
    return 0;
}

int ts_flux_scope_add(struct ts_flux_run *run, struct ts_flux_scope *scope, const struct ts_flux_name *name,
                      struct ts_flux_value value)
{
    if (!name)
        return ts_flux_fail_nomem(run);
    if (scope->n == scope->cap && grow(run, scope) != 0)
        return -TS_EQUERY;
    scope->b[scope->n++] = (struct ts_flux_binding){name, value, false};
    if (scope->nslots)
        put_slot(scope, scope->n - 1);
    return 0;
}

struct ts_flux_binding *ts_flux_scope_own(const struct ts_flux_scope *scope, const struct ts_flux_name *name)
{
    if (scope->nslots) {
        for (uint32_t at = name->hash & (scope->nslots - 1); scope->slots[at];
             at = (at + 1) & (scope->nslots - 1))
            if (scope->b[scope->slots[at] - 1].name == name)
                return &scope->b[scope->slots[at] - 1];
        return NULL;
    }
    for (uint32_t i = 0; i < scope->n; i++)
        if (scope->b[i].name == name)
            return &scope->b[i];
    return NULL;
}

struct ts_flux_binding *ts_flux_scope_find(const struct ts_flux_scope *scope, const struct ts_flux_name *name)
{
    for (; scope; scope = scope->up) {
        struct ts_flux_binding *b = ts_flux_scope_own(scope, name);
        if (b)
            return b;
    }
    return NULL;
}

struct ts_flux_regexps **ts_flux_interp_regexps(struct ts_flux_run *run)
{
    return &run->interp->regexps;
}
