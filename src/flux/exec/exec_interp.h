#ifndef TS_FLUX_EXEC_INTERP_H
#define TS_FLUX_EXEC_INTERP_H
/* Inside of exec/: scopes, functions, packages, and the evaluator. */
#include "flux/exec/exec.h"

struct ts_flux_binding {
    const struct ts_flux_name *name;
    struct ts_flux_value value;
    bool option;
};

/** Names and values of a block, a call, a file or a package. Big ones are found by a table of hashes. */
struct ts_flux_scope {
    struct ts_flux_scope *up;
    uint32_t n, cap;
    struct ts_flux_binding *b;
    uint32_t *slots, nslots; /* index into b + 1; nslots is a power of two, 0: a short scope */
};

struct ts_flux_param {
    const struct ts_flux_name *name;
    uint32_t types; /* a bit for each enum ts_flux_type; 0: any */
    bool optional, nullable;
    const struct ts_flux_node *dflt;
};

struct ts_flux_sig {
    unsigned n;
    int pipe;        /* the parameter that a pipe gives, or -1 */
    bool constant;   /* not a function: builtin constants */
    uint32_t result; /* types; 0: any */
    struct ts_flux_param *params;
};

struct ts_flux_func {
    const struct ts_flux_name *name; /* NULL: none */
    const struct ts_flux_sig *sig;
    const struct ts_flux_builtin *builtin; /* NULL: a function written in Flux */
    const struct ts_flux_node *node;
    const struct ts_flux_source *src;
    struct ts_flux_scope *env;
};

/** Where evaluation is: a scope, and the text that positions refer to. */
struct ts_flux_frame {
    struct ts_flux_run *run;
    struct ts_flux_scope *scope;
    const struct ts_flux_source *src;
};

struct ts_flux_package {
    struct ts_str path;
    const struct ts_flux_name
        *name; /* what it is called without a name in the import: the path's last part */
    struct ts_flux_scope *scope;
    struct ts_flux_value value; /* a record of its members */
    struct ts_flux_package *next;
};

struct ts_flux_interp {
    struct ts_flux_package *packages; /* those loaded */
    struct ts_flux_scope *universe;
    struct ts_flux_regexps *regexps;
    struct ts_flux_zone *zones;
    const struct ts_flux_source *user; /* the script: errors are placed in it */
    uintptr_t stack_end;               /* the lowest address that evaluation may reach */
    unsigned anonymous;
};

struct ts_flux_regexps **ts_flux_interp_regexps(struct ts_flux_run *run);

/* scopes: on run->heap, or in run->arena for those of files */
struct ts_flux_scope *ts_flux_scope_new(struct ts_flux_run *run, struct ts_flux_scope *up,
                                        uint32_t cap) TS_MUST_CHECK;
int ts_flux_scope_add(struct ts_flux_run *run, struct ts_flux_scope *scope, const struct ts_flux_name *name,
                      struct ts_flux_value value) TS_MUST_CHECK;
/** In this scope alone; NULL: not there. */
struct ts_flux_binding *ts_flux_scope_own(const struct ts_flux_scope *scope, const struct ts_flux_name *name);
struct ts_flux_binding *ts_flux_scope_find(const struct ts_flux_scope *scope,
                                           const struct ts_flux_name *name);

/* evaluation */
int ts_flux_eval(const struct ts_flux_frame *fr, const struct ts_flux_node *node,
                 struct ts_flux_value *out) TS_MUST_CHECK;
/** Statements up to a return. *returned: there was one, its value in out. */
int ts_flux_exec_list(const struct ts_flux_frame *fr, const struct ts_flux_node *list, bool *returned,
                      struct ts_flux_value *out) TS_MUST_CHECK;
/** Imports go into scope->up, so that they are no members of a package. */
int ts_flux_exec_file(struct ts_flux_run *run, const struct ts_flux_file *file,
                      struct ts_flux_scope *scope) TS_MUST_CHECK;

struct ts_flux_call_arg {
    const struct ts_flux_name *name;
    struct ts_flux_value value;
};
/** piped: NULL without a pipe. */
int ts_flux_invoke(struct ts_flux_run *run, const struct ts_flux_func *func,
                   const struct ts_flux_call_arg *args, unsigned n, const struct ts_flux_value *piped,
                   struct ts_flux_pos pos, struct ts_flux_value *out) TS_MUST_CHECK;
/** A builtin whose arguments are in place already, those that are required among them; v may be changed. */
int ts_flux_invoke_builtin(struct ts_flux_run *run, const struct ts_flux_func *func, struct ts_flux_value *v,
                           struct ts_flux_pos pos, struct ts_flux_value *out) TS_MUST_CHECK;
int ts_flux_eval_call(const struct ts_flux_frame *fr, const struct ts_flux_node *call,
                      const struct ts_flux_value *piped, struct ts_flux_value *out) TS_MUST_CHECK;

/** The parameters of a function literal, worked out once. */
int ts_flux_sig_of_node(struct ts_flux_run *run, const struct ts_flux_node *node,
                        const struct ts_flux_sig **out) TS_MUST_CHECK;
/** Of a builtin's text. A text that is wrong is a bug. */
int ts_flux_sig_of_text(struct ts_flux_run *run, const char *text,
                        const struct ts_flux_sig **out) TS_MUST_CHECK;
int ts_flux_sig_find(const struct ts_flux_sig *sig, const struct ts_flux_name *name);

/** The types as messages say them: "int or float". */
void ts_flux_put_types(struct ts_buf *to, uint32_t types);

/* operators on single values */
int ts_flux_binary(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a,
                   struct ts_flux_value b, struct ts_flux_value *out) TS_MUST_CHECK;
int ts_flux_unary(struct ts_flux_run *run, enum ts_flux_op op, struct ts_flux_value a,
                  struct ts_flux_value *out) TS_MUST_CHECK;
/** A part of an interpolated text. */
int ts_flux_put_part(struct ts_flux_run *run, struct ts_buf *to, struct ts_flux_value v) TS_MUST_CHECK;
struct ts_flux_value ts_flux_and(struct ts_flux_value a, struct ts_flux_value b);
struct ts_flux_value ts_flux_or(struct ts_flux_value a, struct ts_flux_value b);

/** Errors of an expression stand at its place when that is in the script, else at the call in the script. */
static inline struct ts_flux_pos ts_flux_frame_pos(const struct ts_flux_frame *fr,
                                                   const struct ts_flux_node *node)
{
    if (fr->src == fr->run->interp->user)
        return (struct ts_flux_pos){fr->src, node->start, node->end};
    return fr->run->pos;
}

/* packages */
int ts_flux_package_load(struct ts_flux_run *run, struct ts_str path,
                         struct ts_flux_package **out) TS_MUST_CHECK;
/** Whether there is a package of that path, and the nearest one to it. */
bool ts_flux_package_known(struct ts_str path, struct ts_near *near);
/** The package whose value rec is; NULL: a record as any other. */
const struct ts_flux_package *ts_flux_package_of(const struct ts_flux_run *run,
                                                 const struct ts_flux_record *rec);

/** Checks a parsed script before it runs. given: names that it finds beside those of the language. */
int ts_flux_check(struct ts_flux_run *run, const struct ts_flux_file *file,
                  const struct ts_flux_scope *given) TS_MUST_CHECK;

#endif
