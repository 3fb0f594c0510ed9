#ifndef TS_FLUX_LANG_AST_H
#define TS_FLUX_LANG_AST_H
/*
 * The syntax tree of a script. Nodes and texts live in the arena that the parser was given. A node knows
 * where it stands by offsets into the source; ts_flux_source_where makes line and column of them.
 */
#include "core/base.h"
#include "flux/flux_mem.h"

/** A script's text and its name for messages ("", or a package's path). */
struct ts_flux_source {
    const char *name;
    struct ts_str text;
};

/** A place in a source: bytes [start, end). src NULL: nowhere. */
struct ts_flux_pos {
    const struct ts_flux_source *src;
    uint32_t start, end;
};

struct ts_flux_where {
    unsigned line, column; /* from 1; columns count characters, not bytes */
    struct ts_str text;    /* the line, without its end */
};

struct ts_flux_where ts_flux_source_where(const struct ts_flux_source *src, uint32_t offset);

/** A name, one object for all its occurrences: names are compared by pointer. */
struct ts_flux_name {
    uint32_t len, hash;
    char z[]; /* ends with a 0 */
};

static inline struct ts_str ts_flux_name_str(const struct ts_flux_name *name)
{
    return (struct ts_str){name->z, name->len};
}

struct ts_flux_names {
    struct ts_flux_arena *arena;
    const struct ts_flux_name **slots;
    uint32_t n, cap; /* cap: a power of two */
};

/** @return NULL: no memory. */
const struct ts_flux_name *ts_flux_name_of(struct ts_flux_names *names, struct ts_str s);

enum ts_flux_node_kind {
    /* expressions */
    TS_FLUX_N_IDENT,       /* name */
    TS_FLUX_N_INT,         /* u: digits as they stand, up to 2^63 because of the minus before it */
    TS_FLUX_N_FLOAT,       /* f */
    TS_FLUX_N_STRING,      /* text */
    TS_FLUX_N_INTERPOLATE, /* list: STRING and other expressions in turn */
    TS_FLUX_N_TIME,        /* i: ns since 1970 */
    TS_FLUX_N_DURATION,    /* i: ns, months */
    TS_FLUX_N_REGEXP,      /* text: the pattern */
    TS_FLUX_N_LABEL,       /* .name as a value: name */
    TS_FLUX_N_PIPE_ARG,    /* <- as a default */
    TS_FLUX_N_ARRAY,       /* list */
    TS_FLUX_N_DICT,        /* list of PAIR; empty: [:] */
    TS_FLUX_N_PAIR,        /* a: b */
    TS_FLUX_N_RECORD,      /* a: the record of `with` or NULL, list of PROPERTY */
    TS_FLUX_N_PROPERTY, /* name, a: value or NULL when it is the name itself; quoted: name came as a string */
    TS_FLUX_N_FUNCTION, /* list of PARAM, a: body (BLOCK or expression) */
    TS_FLUX_N_PARAM,    /* name, a: default, NULL, or PIPE_ARG */
    TS_FLUX_N_BLOCK,    /* list of statements */
    TS_FLUX_N_CALL,     /* a: callee, list of PROPERTY */
    TS_FLUX_N_PIPE,     /* a |> b, b a CALL */
    TS_FLUX_N_MEMBER,   /* a.name; quoted: a["name"] */
    TS_FLUX_N_INDEX,    /* a[b] */
    TS_FLUX_N_UNARY,    /* op a */
    TS_FLUX_N_BINARY,   /* a op b */
    TS_FLUX_N_LOGICAL,  /* a op b */
    TS_FLUX_N_IF,       /* if a then b else c */
    TS_FLUX_N_PAREN,    /* (a) */
    /* statements */
    TS_FLUX_N_ASSIGN,   /* name = a */
    TS_FLUX_N_OPTION,   /* option name = a, option b.name = a (b: IDENT) */
    TS_FLUX_N_RETURN,   /* return a */
    TS_FLUX_N_EXPR,     /* a as a statement */
    TS_FLUX_N_BUILTIN,  /* builtin name : type (text: the type as it stands) */
    TS_FLUX_N_TESTCASE, /* testcase name extends "text" { a: BLOCK } */
    /* the file */
    TS_FLUX_N_PACKAGE, /* package name */
    TS_FLUX_N_IMPORT,  /* import name "text" (name NULL without one) */
    TS_FLUX_N_FILE,    /* a: PACKAGE or NULL, b: IMPORTs, list: statements */
};

enum ts_flux_op {
    TS_FLUX_OP_NONE,
    TS_FLUX_OP_ADD,
    TS_FLUX_OP_SUB,
    TS_FLUX_OP_MUL,
    TS_FLUX_OP_DIV,
    TS_FLUX_OP_MOD,
    TS_FLUX_OP_POW,
    TS_FLUX_OP_EQ,
    TS_FLUX_OP_NE,
    TS_FLUX_OP_LT,
    TS_FLUX_OP_LE,
    TS_FLUX_OP_GT,
    TS_FLUX_OP_GE,
    TS_FLUX_OP_MATCH,
    TS_FLUX_OP_NOT_MATCH,
    TS_FLUX_OP_AND,
    TS_FLUX_OP_OR,
    TS_FLUX_OP_NOT,
    TS_FLUX_OP_EXISTS,
};

/** The operator as it is written. */
const char *ts_flux_op_text(enum ts_flux_op op);

struct ts_flux_node {
    enum ts_flux_node_kind kind;
    enum ts_flux_op op;
    uint32_t start, end; /* offsets in the source */
    bool quoted;
    int64_t months;                  /* DURATION */
    const struct ts_flux_name *name; /* see the kinds */
    struct ts_str text;
    union {
        int64_t i;
        uint64_t u;
        double f;
    };
    struct ts_flux_node *a, *b, *c;
    struct ts_flux_node *list;  /* the first child; its siblings follow by next */
    struct ts_flux_node *attrs; /* of statements, imports, the package: CALL-like nodes: @name(list) */
    struct ts_flux_node *next;
    uint32_t height; /* of the tree below */
    void *memo;      /* for who executes: what was worked out from the node, in the same arena */
};

struct ts_flux_comment {
    uint32_t start, end; /* without the line's end */
    struct ts_flux_comment *next;
};

/** One parsed text. */
struct ts_flux_file {
    const struct ts_flux_source *src;
    struct ts_flux_node *root; /* FILE */
    struct ts_flux_comment *comments;
};

#endif
