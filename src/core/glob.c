/* Patterns of names, in time of at most pattern times text. Thread: any. */
#include "config.h"
#include "core/glob.h"

/* After a mismatch the last * takes one byte more; an earlier one never has to. */
bool ts_glob_match(struct ts_str glob, struct ts_str text)
{
    size_t g = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.len) {
        if (g < glob.len && glob.p[g] == '*') {
            star = ++g;
            from = t;
        } else if (g < glob.len && (glob.p[g] == '?' || glob.p[g] == text.p[t])) {
            g++;
            t++;
        } else if (star != SIZE_MAX) {
            g = star;
            t = ++from;
        } else {
            return false;
        }
    }
    while (g < glob.len && glob.p[g] == '*')
        g++;
    return g == glob.len;
}

static bool is_wild(char c)
{
    return c == '*' || c == '?';
}

bool ts_globs_are_disjoint(struct ts_str a, struct ts_str b)
{
    for (size_t i = 0;; i++) {
        if (i == a.len || i == b.len) {
            if (a.len != b.len && (i == a.len ? b.p[i] : a.p[i]) != '*')
                return true; /* one ends where the other needs a byte */
            break;
        }
        if (is_wild(a.p[i]) || is_wild(b.p[i]))
            break;
        if (a.p[i] != b.p[i])
            return true;
    }
    for (size_t i = 1; i <= a.len && i <= b.len; i++) {
        char x = a.p[a.len - i], y = b.p[b.len - i];
        if (is_wild(x) || is_wild(y))
            break;
        if (x != y)
            return true;
    }
    return false;
}
