/*
 * What a segment holds: points by sink, and the times of its windows. Text that ends with its own hash:
 *
 *   tsagg-index 1 END\n   span FROM TO\n…   sink NAME POINTS\n…   sum HASH\n
 *
 * Thread: journal; main at start. A file that is missing, damaged or of another length of segment is passed
 * over.
 */
#include "config.h"
#include "journal/journal_priv.h"

#include "core/file.h"
#include "core/hash.h"
#include "core/num.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#define TEXT_MAX 65536

/* Joins to span i those that it has come to touch. */
static void absorb(struct spans *spans, unsigned i)
{
    for (unsigned k = spans->n; k-- > 0;) {
        struct ts_journal_span *to = &spans->v[i], *by = &spans->v[k];
        if (k == i || by->from_ns > to->to_ns || to->from_ns > by->to_ns)
            continue;
        to->from_ns = TS_MIN(to->from_ns, by->from_ns);
        to->to_ns = TS_MAX(to->to_ns, by->to_ns);
        *by = spans->v[--spans->n];
        if (i == spans->n)
            i = k; /* it has moved into the place that became free */
    }
}

void ts_spans_add(struct spans *spans, int64_t from_ns, int64_t to_ns)
{
    struct ts_journal_span *nearest = NULL;
    double least = 0; /* times lie further apart than 64 bits hold */
    if (from_ns >= to_ns) /* of events: they are in no window */
        return;
    for (unsigned i = 0; i < spans->n; i++) {
        struct ts_journal_span *span = &spans->v[i];
        double gap = from_ns > span->to_ns   ? (double)from_ns - (double)span->to_ns
                     : span->from_ns > to_ns ? (double)span->from_ns - (double)to_ns
                                             : 0;
        if (!nearest || gap < least) {
            nearest = span;
            least = gap;
        }
    }
    if (nearest && (least <= 0 || spans->n == TS_SPANS)) {
        nearest->from_ns = TS_MIN(nearest->from_ns, from_ns);
        nearest->to_ns = TS_MAX(nearest->to_ns, to_ns);
        absorb(spans, (unsigned)(nearest - spans->v));
    } else {
        spans->v[spans->n++] = (struct ts_journal_span){from_ns, to_ns};
    }
}

bool ts_spans_touch(const struct spans *spans, int64_t from_ns, int64_t to_ns)
{
    for (unsigned i = 0; i < spans->n; i++) {
        if (spans->v[i].from_ns < to_ns && from_ns < spans->v[i].to_ns)
            return true;
    }
    return false;
}

static void path_of(const struct ts_journal *jr, const struct segment *seg, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/%016" PRIu64 ".idx", jr->dir, seg->seq);
}

void ts_index_save(const struct ts_journal *jr, const struct segment *seg)
{
    char path[PATH_MAX];
    struct ts_buf text = TS_BUF_INIT;
    ts_buf_printf(&text, "tsagg-index 1 %" PRIu64 "\n", seg->end);
    for (unsigned i = 0; i < seg->spans.n; i++)
        ts_buf_printf(&text, "span %" PRId64 " %" PRId64 "\n", seg->spans.v[i].from_ns,
                      seg->spans.v[i].to_ns);
    for (unsigned i = 0; i < jr->nreaders; i++)
        ts_buf_printf(&text, "sink %s %" PRIu64 "\n", jr->readers[i].feed.name, seg->points[i]);
    uint64_t sum = ts_hash(text.p ? text.p : "", text.len);
    ts_buf_printf(&text, "sum %" PRIu64 "\n", sum);
    path_of(jr, seg, path);
    if (!ts_buf_failed(&text))
        (void)!ts_file_replace(path, ts_buf_str(&text));
    ts_buf_fini(&text);
}

static bool take_word(struct ts_str *line, struct ts_str *word)
{
    const char *blank = line->len ? memchr(line->p, ' ', line->len) : NULL;
    size_t n = blank ? (size_t)(blank - line->p) : line->len;
    *word = (struct ts_str){line->p, n};
    n += blank ? 1 : 0;
    *line = (struct ts_str){line->p + n, line->len - n};
    return word->len > 0;
}

/* A line of the text, whose sum is known to be right. */
static bool read_line(const struct ts_journal *jr, struct segment *seg, struct ts_str line)
{
    struct ts_str kind, a, b;
    uint64_t n;
    int64_t from_ns, to_ns;
    if (!take_word(&line, &kind) || !take_word(&line, &a) || !take_word(&line, &b))
        return false;
    if (ts_str_eq(kind, TS_STR("tsagg-index")))
        return ts_str_eq(a, TS_STR("1")) && ts_num_read_uint(b, &n) == 0 && n == seg->end;
    if (ts_str_eq(kind, TS_STR("span"))) {
        if (ts_num_read_int(a, &from_ns) != 0 || ts_num_read_int(b, &to_ns) != 0)
            return false;
        ts_spans_add(&seg->spans, from_ns, to_ns);
        return true;
    }
    if (!ts_str_eq(kind, TS_STR("sink")) || ts_num_read_uint(b, &n) != 0)
        return false;
    for (unsigned i = 0; i < jr->nreaders; i++) {
        if (ts_str_eq(a, ts_str_of(jr->readers[i].feed.name)))
            seg->points[i] = n;
    }
    return true;
}

int ts_index_load(const struct ts_journal *jr, struct segment *seg)
{
    char path[PATH_MAX], text[TEXT_MAX];
    path_of(jr, seg, path);
    FILE *f = fopen(path, "re");
    if (!f)
        return -TS_ENOTFOUND;
    struct ts_str rest = {text, fread(text, 1, sizeof text, f)};
    fclose(f);
    uint64_t sum;
    const char *last = rest.len > 1 ? memrchr(text, '\n', rest.len - 1) : NULL;
    if (!last || text[rest.len - 1] != '\n' || strncmp(last + 1, "sum ", 4) != 0 ||
        ts_num_read_uint((struct ts_str){last + 5, (size_t)(text + rest.len - 1 - (last + 5))}, &sum) != 0 ||
        sum != ts_hash(text, (size_t)(last + 1 - text)))
        return -TS_ECORRUPT;
    rest.len = (size_t)(last + 1 - text);
    while (rest.len) {
        const char *end = memchr(rest.p, '\n', rest.len);
        if (!read_line(jr, seg, (struct ts_str){rest.p, (size_t)(end - rest.p)}))
            return -TS_ECORRUPT;
        rest = (struct ts_str){end + 1, (size_t)(text + (last + 1 - text) - (end + 1))};
    }
    return 0;
}
