/* "Did you mean": the candidate with the smallest edit distance, if it is near enough. Thread: any. */
#include "config.h"
#include "core/conf_priv.h"

#include <ctype.h>

#define LONGEST 40

/* Levenshtein's distance, row by row, letters of either case alike (Wagner and Fischer, 1974). */
static unsigned distance(struct ts_str a, struct ts_str b)
{
    unsigned row[LONGEST + 1];
    if (a.len > LONGEST || b.len > LONGEST)
        return LONGEST;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            bool same = tolower((unsigned char)a.p[i - 1]) == tolower((unsigned char)b.p[j - 1]);
            unsigned best = TS_MIN(diagonal + !same, TS_MIN(row[j], row[j - 1]) + 1);
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.len];
}

void ts_conf_near_offer(struct ts_conf_near *near, struct ts_str name)
{
    unsigned limit = near->asked.len <= 3 ? 1 : near->asked.len <= 8 ? 2 : 3, d = distance(near->asked, name);
    if (d <= limit && (!near->best.p || d < near->distance)) {
        near->best = name;
        near->distance = d;
    }
    if (near->all.len)
        ts_buf_puts(&near->all, ", ");
    ts_buf_put_str(&near->all, name);
}

void ts_conf_near_print(struct ts_conf_near *near, const char *intro, struct ts_err *out)
{
    const char *all = ts_buf_cstr(&near->all);
    if (near->best.p)
        (void)ts_fail(out, TS_ECONF, "did you mean \"%.*s\"? %s %s", (int)near->best.len, near->best.p, intro, all ? all : "");
    else
        (void)ts_fail(out, TS_ECONF, "%s %s", intro, all ? all : "");
    ts_buf_fini(&near->all);
}
