/* Lists the library: the builtins' tables and what the prelude assigns. While the project is built; ends it
 * without memory. */
#include "config.h"
#include "flux/flux_doc.h"

#include "core/mem.h"
#include "flux/lang/lang.h"
#include "flux/prelude/prelude.h"
#include "flux/std/std.h"

#include <stdlib.h>

static const struct {
    const char *path;
    const struct ts_flux_builtin *table;
} tables[] = {
#define TS_FLUX_PACKAGE(table, path) {path, ts_flux_std_##table},
#include "tbl/flux_packages.def"
#undef TS_FLUX_PACKAGE
};

struct entry {
    const char *path;
    char *name, *params; /* params: "(a, b?)", "" for a constant; owned */
};

struct entries {
    struct entry *e;
    size_t n;
};

static void add(struct entries *all, const char *path, struct ts_str name, struct ts_str params)
{
    if (name.p[0] == '_')
        return;
    all->e = ts_xresize(all->e, (all->n + 1) * sizeof *all->e);
    all->e[all->n++] = (struct entry){path, ts_xstrndup(name.p, name.len), ts_xstrndup(params.p, params.len)};
}

static void add_builtins(struct entries *all, const char *path, const struct ts_flux_builtin *table)
{
    for (; table->name; table++) {
        const char *end = table->sig[0] == '(' ? strchr(table->sig, ')') : NULL;
        add(all, path, ts_str_of(table->name),
            (struct ts_str){table->sig, end ? (size_t)(end + 1 - table->sig) : 0});
    }
}

/* (a, b?, <-c): names alone; the types of a prelude's parameters are what its body makes of them. */
static void put_params(struct ts_buf *to, const struct ts_flux_node *func)
{
    ts_buf_putc(to, '(');
    for (const struct ts_flux_node *p = func->list; p; p = p->next) {
        bool pipe = p->a && p->a->kind == TS_FLUX_N_PIPE_ARG;
        ts_buf_printf(to, "%s%s%s%s", pipe ? "<-" : "", p->name->z, p->a && !pipe ? "?" : "",
                      p->next ? ", " : "");
    }
    ts_buf_putc(to, ')');
}

static void add_prelude(struct entries *all, const struct ts_flux_prelude *pre)
{
    struct ts_flux_mem mem = {0};
    struct ts_flux_arena arena;
    struct ts_flux_names names = {.arena = &arena};
    struct ts_flux_source src = {pre->path, {pre->text, pre->len}};
    struct ts_flux_error error = {0};
    struct ts_flux_file file;
    ts_flux_arena_init(&arena, &mem);
    int rc = ts_flux_parse(&arena, &names, &src, &file, &error);
    TS_ASSERT(rc == 0);
    for (const struct ts_flux_node *st = file.root->list; st; st = st->next) {
        struct ts_buf params = TS_BUF_INIT;
        if (st->a && st->a->kind == TS_FLUX_N_FUNCTION)
            put_params(&params, st->a);
        add(all, pre->path, ts_flux_name_str(st->name), params.len ? ts_buf_str(&params) : TS_STR(""));
        ts_buf_fini(&params);
    }
    ts_flux_arena_fini(&arena);
}

static int by_path_and_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = strcmp(x->path, y->path);
    return c ? c : strcmp(x->name, y->name);
}

void ts_flux_doc_packages(struct ts_buf *out)
{
    struct entries all = {0};
    for (size_t i = 0; i < TS_ARRAY_SIZE(tables); i++)
        add_builtins(&all, tables[i].path, tables[i].table);
    for (const struct ts_flux_prelude *p = ts_flux_preludes; p->path; p++)
        add_prelude(&all, p);
    qsort(all.e, all.n, sizeof *all.e, by_path_and_name);
    for (size_t i = 0; i < all.n; i++) {
        if (i == 0 || strcmp(all.e[i].path, all.e[i - 1].path) != 0)
            ts_buf_printf(out, ".SS %s\n.nf\n", all.e[i].path);
        ts_buf_printf(out, "%s%s\n", all.e[i].name, all.e[i].params);
        if (i + 1 == all.n || strcmp(all.e[i].path, all.e[i + 1].path) != 0)
            ts_buf_puts(out, ".fi\n");
    }
    for (size_t i = 0; i < all.n; i++) {
        TS_FREE(all.e[i].name);
        TS_FREE(all.e[i].params);
    }
    TS_FREE(all.e);
}
