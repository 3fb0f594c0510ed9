/*
 * csv.from: annotated CSV, or with mode "raw" plain text columns, as tables. The table cell tells where a
 * table ends; its group key is the first row's. Each table is built as one chunk and given when it ends; the
 * text itself is in memory already. Thread: the query's.
 */
#include "config.h"
#include "flux/table/table_std.h"

#include "core/csv.h"
#include "core/num.h"

#include <math.h>

#define CELL_DATA 3 /* cells before the data: annotation, result, table */

enum { DATATYPE, GROUP, DEFAULT, NANNOTATIONS };
static const char *const annotations[NANNOTATIONS] = {"datatype", "group", "default"};

struct csv_args {
    struct ts_str text;
    bool raw;
};

struct field {
    const struct ts_flux_name *name;
    enum ts_flux_type type;
    bool skip, keyed;
    struct ts_flux_column *col; /* of the table being built */
};

struct csv_state {
    struct ts_flux_cursor *cur;
    struct ts_csv_record annot[NANNOTATIONS], header;
    struct field *fields;
    size_t nfields, cap, rows;
    bool in_annotations, has_header, in_table, any_table;
    struct ts_buf table, result, all_result; /* of the rows that come; the one result that there may be */
    bool has_result, done;
};

static struct ts_flux_run *run_of(struct csv_state *st)
{
    return st->cur->run;
}

static void csv_close(struct ts_flux_cursor *cur)
{
    struct csv_state *st = cur->st;
    for (size_t i = 0; i < st->nfields; i++)
        ts_flux_column_unref(&st->fields[i].col);
    ts_flux_mem_free(&cur->run->mem, st->fields, st->cap * sizeof *st->fields);
    for (int a = 0; a < NANNOTATIONS; a++)
        ts_csv_record_fini(&st->annot[a]);
    ts_csv_record_fini(&st->header);
    ts_buf_fini(&st->table);
    ts_buf_fini(&st->result);
    ts_buf_fini(&st->all_result);
}

static struct ts_str annotation(const struct csv_state *st, int a, size_t cell)
{
    return cell < st->annot[a].n ? ts_csv_cell(&st->annot[a], (unsigned)cell) : TS_STR("");
}

static int parse_type(struct csv_state *st, struct ts_str s, enum ts_flux_type *out)
{
    static const struct {
        const char *name;
        enum ts_flux_type type;
    } types[] = {{"string", TS_FLUX_STRING}, {"long", TS_FLUX_INT},     {"unsignedLong", TS_FLUX_UINT},
                 {"double", TS_FLUX_FLOAT},  {"boolean", TS_FLUX_BOOL}, {"dateTime", TS_FLUX_TIME},
                 {"", TS_FLUX_STRING}};
    const char *colon = memchr(s.p, ':', s.len);
    size_t len = colon ? (size_t)(colon - s.p) : s.len;
    for (size_t i = 0; i < TS_ARRAY_SIZE(types); i++)
        if (ts_str_eq((struct ts_str){s.p, len}, ts_str_of(types[i].name))) {
            *out = types[i].type;
            return 0;
        }
    return ts_flux_fail(run_of(st), "csv.from: unknown data type \"%.*s\"", (int)s.len, s.p);
}

static bool parse_float(struct ts_str s, double *out)
{
    if (ts_num_read(s, out) == 0)
        return true;
    double sign = s.len && s.p[0] == '-' ? -1 : 1;
    struct ts_str word = s.len && (s.p[0] == '-' || s.p[0] == '+') ? (struct ts_str){s.p + 1, s.len - 1} : s;
    bool inf = ts_str_eq(word, TS_STR("Inf")) || ts_str_eq(word, TS_STR("inf")) ||
               ts_str_eq(word, TS_STR("Infinity"));
    *out = inf ? sign * INFINITY : NAN;
    return inf || ts_str_eq(s, TS_STR("NaN"));
}

static int parse_value(struct csv_state *st, enum ts_flux_type type, struct ts_str s,
                       struct ts_flux_value *out)
{
    *out = (struct ts_flux_value){.type = (uint8_t)type};
    bool ok = true;
    if (s.len == 0) {
        *out = ts_flux_null(type);
        return 0;
    }
    switch (type) {
    case TS_FLUX_BOOL:
        out->b = ts_str_eq(s, TS_STR("true"));
        ok = out->b || ts_str_eq(s, TS_STR("false"));
        break;
    case TS_FLUX_INT: ok = ts_num_read_int(s, &out->i) == 0; break;
    case TS_FLUX_UINT: ok = ts_num_read_uint(s, &out->u) == 0; break;
    case TS_FLUX_FLOAT: ok = parse_float(s, &out->f); break;
    case TS_FLUX_TIME: ok = ts_flux_read_time(s, &out->i) == 0; break;
    default: *out = ts_flux_string(s); break;
    }
    return ok ? 0
              : ts_flux_fail(run_of(st), "csv.from: cannot parse \"%.*s\" as %s", (int)s.len, s.p,
                             ts_flux_type_text(type));
}

/* The table that was being built ends; one of only a header is an empty table. */
static int end_table(struct csv_state *st)
{
    struct ts_flux_run *run = run_of(st);
    bool empty = st->has_header && !st->any_table && st->rows == 0 && st->nfields > 0;
    if (!st->in_table && !empty)
        return 0;
    struct ts_flux_mark mark = ts_flux_arena_mark(&run->scratch);
    struct ts_flux_key_col *keys = ts_flux_arena_alloc(&run->scratch, st->nfields * sizeof *keys);
    struct ts_flux_maker mk = TS_FLUX_MAKER(run);
    size_t nkeys = 0;
    int rc = keys ? 0 : ts_flux_fail_nomem(run);
    for (size_t i = 0; rc == 0 && i < st->nfields; i++) {
        struct field *fld = &st->fields[i];
        if (fld->skip)
            continue;
        if (!fld->col)
            fld->col = ts_flux_column_new(&run->mem, fld->type, 1);
        struct ts_flux_value v = ts_flux_null(fld->type);
        if (st->rows == 0)
            rc = parse_value(st, fld->type, annotation(st, DEFAULT, i), &v);
        else if (fld->col)
            v = ts_flux_column_get(fld->col, 0);
        struct ts_flux_column *col = fld->col;
        bool konst = fld->keyed;
        for (size_t k = 1; col && konst && k < st->rows; k++)
            konst =
                ts_flux_value_same(v, ts_flux_column_get(col, k)) || (v.null && ts_flux_column_null(col, k));
        fld->col = NULL;
        if (fld->keyed)
            keys[nkeys++] = (struct ts_flux_key_col){fld->name, v};
        ts_flux_maker_add(&mk, fld->name,
                          konst ? ts_flux_column_const(&run->mem, v) : ts_flux_column_ref(col));
        if (fld->keyed && keys[nkeys - 1].v.type == TS_FLUX_STRING) {
            struct ts_str s = ts_flux_arena_str(&run->scratch, ts_flux_value_str(v));
            keys[nkeys - 1].v = v.null ? v : ts_flux_string(s);
        }
        ts_flux_column_unref(&col);
    }
    struct ts_flux_key *key = rc ? NULL : ts_flux_key_new(&run->mem, keys, nkeys);
    struct ts_flux_chunk *chk = ts_flux_maker_end(&mk, key, st->rows);
    ts_flux_key_unref(&key);
    ts_flux_arena_release(&run->scratch, mark);
    st->in_table = false;
    st->any_table = true;
    st->rows = 0;
    return rc ? rc : ts_flux_emit(st->cur, chk);
}

static void swap(struct ts_csv_record *to, struct ts_csv_record *from)
{
    struct ts_csv_record was = *to;
    *to = *from;
    *from = was;
}

/* Which annotation the record is; -1: none. Names are accepted without `#` too. */
static int annotation_of(const struct ts_csv_record *rec)
{
    struct ts_str s = ts_csv_cell(rec, 0);
    if (s.len && s.p[0] == '#')
        s = (struct ts_str){s.p + 1, s.len - 1};
    for (int a = 0; a < NANNOTATIONS; a++)
        if (ts_str_eq(s, ts_str_of(annotations[a])))
            return a;
    return -1;
}

static int on_header(struct csv_state *st, struct ts_csv_record *rec)
{
    const struct csv_args *args = st->cur->args;
    struct ts_flux_run *run = run_of(st);
    swap(&st->header, rec);
    size_t n = st->header.n;
    if (n > st->cap) {
        struct field *fields = ts_flux_mem_alloc(&run->mem, n * sizeof *fields);
        if (!fields)
            return ts_flux_fail_nomem(run);
        ts_flux_mem_free(&run->mem, st->fields, st->cap * sizeof *fields);
        st->fields = fields;
        st->cap = n;
    }
    st->nfields = n;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct field *fld = &st->fields[i];
        struct ts_str name = ts_csv_cell(&st->header, (unsigned)i);
        *fld = (struct field){.type = TS_FLUX_STRING, .skip = !args->raw && i < CELL_DATA};
        fld->name = ts_flux_name_of(&run->names, name);
        if (!fld->name)
            rc = ts_flux_fail_nomem(run);
        if (args->raw || fld->skip || rc)
            continue;
        fld->keyed = ts_str_eq(annotation(st, GROUP, i), TS_STR("true"));
        rc = parse_type(st, annotation(st, DATATYPE, i), &fld->type);
    }
    st->in_annotations = false;
    st->has_header = true;
    st->any_table = false;
    return rc;
}

/* The cells result and table: another table begins with the row when they change. */
static int on_table_cells(struct csv_state *st, const struct ts_csv_record *rec)
{
    struct ts_str result = rec->n > 1 ? ts_csv_cell(rec, 1) : TS_STR(""),
                  table = rec->n > 2 ? ts_csv_cell(rec, 2) : TS_STR("");
    if (result.len == 0)
        result = annotation(st, DEFAULT, 1);
    if (table.len == 0)
        table = annotation(st, DEFAULT, 2);
    if (st->has_result && !ts_str_eq(result, ts_buf_str(&st->all_result)))
        return ts_flux_fail(run_of(st), "csv.from() can only parse 1 result");
    if (!st->has_result)
        ts_buf_put_str(&st->all_result, result);
    st->has_result = true;
    if (st->in_table && ts_str_eq(table, ts_buf_str(&st->table)))
        return 0;
    int rc = st->in_table ? end_table(st) : 0;
    ts_buf_clear(&st->table);
    ts_buf_put_str(&st->table, table);
    return rc;
}

static int on_row(struct csv_state *st, const struct ts_csv_record *rec)
{
    const struct csv_args *args = st->cur->args;
    struct ts_flux_run *run = run_of(st);
    if (rec->n != st->header.n)
        return ts_flux_fail(run, "csv.from: a row has %u cells where its header has %u", rec->n,
                            st->header.n);
    int rc = args->raw ? 0 : on_table_cells(st, rec);
    for (size_t i = 0; rc == 0 && i < st->nfields; i++) {
        struct field *fld = &st->fields[i];
        if (fld->skip)
            continue;
        if (!fld->col)
            fld->col = ts_flux_column_new(&run->mem, fld->type, 64);
        struct ts_str s = ts_csv_cell(rec, (unsigned)i);
        if (s.len == 0 && !args->raw)
            s = annotation(st, DEFAULT, i);
        struct ts_flux_value v;
        rc = parse_value(st, fld->type, s, &v);
        if (rc == 0 && (!fld->col || ts_flux_column_push(fld->col, v)))
            rc = ts_flux_fail_nomem(run);
    }
    st->in_table = true;
    st->rows++;
    return rc;
}

static int on_record(void *arg, struct ts_csv_record *rec)
{
    struct csv_state *st = arg;
    const struct csv_args *args = st->cur->args;
    int a = args->raw ? -1 : annotation_of(rec);
    if (a >= 0) {
        int rc = st->in_annotations ? 0 : end_table(st);
        if (!st->in_annotations)
            for (int k = 0; k < NANNOTATIONS; k++)
                st->annot[k].n = 0;
        st->in_annotations = true;
        st->has_header = false;
        swap(&st->annot[a], rec);
        return rc;
    }
    if (!args->raw && rec->n == 3 && ts_str_eq(ts_csv_cell(rec, 1), TS_STR("error")) &&
        ts_str_eq(ts_csv_cell(rec, 2), TS_STR("reference")))
        return ts_flux_fail(run_of(st), "csv.from: the text holds an error instead of a result");
    if (!st->has_header && !st->in_annotations && !args->raw)
        return ts_flux_fail(run_of(st),
                            "csv.from: missing annotations: expected #datatype, #group and #default");
    return st->has_header ? on_row(st, rec) : on_header(st, rec);
}

static int csv_parse(struct ts_flux_cursor *cur)
{
    const struct csv_args *args = cur->args;
    struct csv_state *st = cur->st;
    st->cur = cur;
    struct ts_csv csv;
    ts_csv_init(&csv, on_record, st);
    int rc = ts_csv_feed(&csv, args->text.p, args->text.len);
    if (rc == 0)
        rc = ts_csv_finish(&csv);
    ts_csv_fini(&csv);
    if (rc == -TS_ELIMIT)
        return ts_flux_fail(cur->run, "csv.from: a line is too long");
    if (rc == -TS_EPARSE)
        return ts_flux_fail(cur->run, "csv.from: the text ends inside a quoted cell");
    return rc ? rc : end_table(st);
}

static int csv_next(struct ts_flux_cursor *cur, struct ts_flux_chunk **out)
{
    struct csv_state *st = cur->st;
    int rc = st->done ? 0 : csv_parse(cur);
    st->done = true;
    if (rc == 0 && cur->head < cur->tail)
        *out = cur->queue[cur->head++];
    return rc;
}

static const struct ts_flux_operator csv_op = {
    .name = "csv.from", .state = sizeof(struct csv_state), .next = csv_next, .close = csv_close};

int ts_flux_op_csv_from(struct ts_flux_run *run, const struct ts_flux_args *args, struct ts_flux_value *out)
{
    struct csv_args ca = {.raw = ts_flux_is(args->v[1], "raw")};
    if (ts_flux_given(args, 1) && !ca.raw && !ts_flux_is(args->v[1], "annotations"))
        return ts_flux_fail(run, "csv.from: mode must be \"annotations\" or \"raw\"");
    if (ts_flux_given(args, 2) || ts_flux_given(args, 3))
        return ts_flux_fail(run, "csv.from: files and addresses cannot be read here: give the text as csv");
    if (!ts_flux_given(args, 0) || args->v[0].null || args->v[0].len == 0)
        return ts_flux_fail(run, "must provide csv raw text or filename");
    ca.text = ts_flux_value_str(args->v[0]);
    return ts_flux_plan(run, &csv_op, &ca, sizeof ca, NULL, out);
}
