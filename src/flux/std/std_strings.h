#ifndef TS_FLUX_STD_STRINGS_H
#define TS_FLUX_STD_STRINGS_H
/* What the files of package strings share. */
#include "flux/exec/exec.h"

#include <wctype.h>

#define S(i)       ts_flux_value_str(args->v[i])
#define RESULT_MAX ((size_t)64 << 20) /* bytes of one text made here */

/** The character at i and its length; what is no UTF-8 is one byte, U+FFFD. */
size_t ts_flux_str_decode(struct ts_str s, size_t i, wint_t *c);
bool ts_flux_str_in_set(struct ts_str set, wint_t c);

/** The text as a value; the buffer is freed. */
int ts_flux_str_finish(struct ts_flux_run *run, struct ts_buf *text, struct ts_flux_value *out) TS_MUST_CHECK;

#define STRINGS_FN(name)                                                                                     \
    int ts_flux_strings_##name(struct ts_flux_run *run, const struct ts_flux_args *args,                     \
                               struct ts_flux_value *out)

STRINGS_FN(to_upper);
STRINGS_FN(to_lower);
STRINGS_FN(title);
STRINGS_FN(trim);
STRINGS_FN(trim_left);
STRINGS_FN(trim_right);
STRINGS_FN(trim_space);
STRINGS_FN(is_digit);
STRINGS_FN(is_letter);
STRINGS_FN(is_lower);
STRINGS_FN(is_upper);
STRINGS_FN(equal_fold);

#endif
