/* The candidate with the smallest edit distance. Thread: any. */
#include "config.h"
#include "core/near.h"

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

void ts_near_offer(struct ts_near *near, struct ts_str candidate)
{
    unsigned limit = near->asked.len <= 3 ? 1 : near->asked.len <= 8 ? 2 : 3, d = distance(near->asked, candidate);
    if (d <= limit && (!near->best.p || d < near->distance)) {
        near->best = candidate;
        near->distance = d;
    }
}
