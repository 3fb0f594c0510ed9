#ifndef TS_FLUX_EXEC_CHECK_H
#define TS_FLUX_EXEC_CHECK_H
/* Inside of the checks before a run: what is known of names and expressions. Nothing known is always allowed.
 */
#include "flux/exec/exec_interp.h"

/** What an expression can be. */
struct ts_flux_known {
    uint32_t types;                       /* a bit for each enum ts_flux_type; 0: anything */
    const struct ts_flux_sig *sig;        /* of a function whose parameters are known */
    const struct ts_flux_name *name;      /* what that function is called */
    bool builtin;                         /* its parameters' types are known too */
    const struct ts_flux_record *members; /* of a package */
    const struct ts_flux_node *literal;   /* a record literal without `with` */
    uint32_t result;                      /* types that calling it gives */
};

struct ts_flux_known_name {
    const struct ts_flux_name *name;
    struct ts_flux_known known;
    struct ts_flux_known_name *next;
};

struct ts_flux_known_scope {
    struct ts_flux_known_scope *up;
    struct ts_flux_known_name *names;
    unsigned n;
};

#define TS_FLUX_NAMES_MAX 5000 /* of one scope: they are looked for one by one */

struct ts_flux_checker {
    struct ts_flux_run *run;
    const struct ts_flux_source *src;
    struct ts_flux_known_scope *scope;
    bool in_function;
};

static inline struct ts_flux_pos ts_flux_check_pos(const struct ts_flux_checker *ck,
                                                   const struct ts_flux_node *node)
{
    return (struct ts_flux_pos){ck->src, node->start, node->end};
}

#define TS_FLUX_BIT(type) (1u << TS_FLUX_##type)

int ts_flux_check_expr(struct ts_flux_checker *ck, const struct ts_flux_node *node,
                       struct ts_flux_known *out) TS_MUST_CHECK;
int ts_flux_check_list(struct ts_flux_checker *ck, const struct ts_flux_node *list,
                       struct ts_flux_known *returned) TS_MUST_CHECK;
int ts_flux_check_define(struct ts_flux_checker *ck, const struct ts_flux_node *at,
                         const struct ts_flux_name *name, struct ts_flux_known known) TS_MUST_CHECK;
struct ts_flux_known ts_flux_known_of_value(const struct ts_flux_run *run, struct ts_flux_value v);
int ts_flux_check_call(struct ts_flux_checker *ck, const struct ts_flux_node *call,
                       const struct ts_flux_known *piped, struct ts_flux_known *out) TS_MUST_CHECK;

/** The path of the package that is called so once it is imported, the shortest one; p NULL: none. In exec_package.c. */
struct ts_str ts_flux_package_named(struct ts_str name);

#endif
