/* Signatures of builtins: text to parameters, once for each package that a script loads. */
#include "config.h"
#include "flux/exec/exec_interp.h"

static const char *skip(const char *z)
{
    while (*z == ' ')
        z++;
    return z;
}

static bool accept(const char **z, const char *what)
{
    *z = skip(*z);
    size_t n = strlen(what);
    if (strncmp(*z, what, n) != 0)
        return false;
    *z = skip(*z + n);
    return true;
}

static struct ts_str word(const char **z)
{
    const char *from = *z = skip(*z);
    while ((**z >= 'a' && **z <= 'z') || (**z >= 'A' && **z <= 'Z') || (**z >= '0' && **z <= '9') ||
           **z == '_')
        ++*z;
    return (struct ts_str){from, (size_t)(*z - from)};
}

/* int|float|…: a bit for each; any: 0. */
static uint32_t types(const char **z, bool *nullable)
{
    uint32_t bits = 0;
    bool any = false;
    do {
        struct ts_str s = word(z);
        unsigned t = TS_FLUX_NULL;
        if (ts_str_eq(s, TS_STR("any"))) {
            any = true;
            continue;
        }
        while (t < TS_FLUX_TYPE_COUNT && !ts_str_eq(s, ts_str_of(ts_flux_type_text(t))))
            t++;
        TS_ASSERT(t < TS_FLUX_TYPE_COUNT);
        bits |= 1u << t;
    } while (accept(z, "|"));
    *nullable = any || (bits & 1u << TS_FLUX_NULL);
    return any ? 0 : bits;
}

static int parameters(struct ts_flux_run *run, const char **z, struct ts_flux_sig *sig)
{
    struct ts_flux_param par[32];
    while (!accept(z, ")")) {
        TS_ASSERT(sig->n < TS_ARRAY_SIZE(par));
        if (accept(z, "<-"))
            sig->pipe = (int)sig->n;
        par[sig->n] = (struct ts_flux_param){.name = ts_flux_name_of(&run->names, word(z))};
        par[sig->n].optional = accept(z, "?");
        bool ok = accept(z, ":");
        TS_ASSERT(ok);
        par[sig->n].types = types(z, &par[sig->n].nullable);
        if (!par[sig->n++].name)
            return ts_flux_fail_nomem(run);
        (void)accept(z, ",");
    }
    sig->params = ts_flux_arena_alloc(&run->arena, sig->n * sizeof par[0]);
    if (!sig->params)
        return ts_flux_fail_nomem(run);
    memcpy(sig->params, par, sig->n * sizeof par[0]);
    return 0;
}

int ts_flux_sig_of_text(struct ts_flux_run *run, const char *text, const struct ts_flux_sig **out)
{
    struct ts_flux_sig *sig = ts_flux_arena_alloc(&run->arena, sizeof *sig);
    bool nullable;
    if (!sig)
        return ts_flux_fail_nomem(run);
    *out = sig;
    sig->pipe = -1;
    sig->constant = !accept(&text, "(");
    if (!sig->constant) {
        if (parameters(run, &text, sig) != 0)
            return -TS_EQUERY;
        bool arrow = accept(&text, "=>");
        TS_ASSERT(arrow);
    }
    sig->result = types(&text, &nullable);
    TS_ASSERT(*skip(text) == '\0');
    return 0;
}

void ts_flux_put_types(struct ts_buf *to, uint32_t types)
{
    unsigned left = (unsigned)__builtin_popcount(types & ~(1u << TS_FLUX_NULL));
    if (types == 0)
        ts_buf_puts(to, "anything");
    for (unsigned t = TS_FLUX_NULL + 1; t < TS_FLUX_TYPE_COUNT; t++) {
        if (!(types & 1u << t))
            continue;
        ts_buf_puts(to, ts_flux_type_text(t));
        left--;
        ts_buf_puts(to, left > 1 ? ", " : left == 1 ? " or " : "");
    }
}
