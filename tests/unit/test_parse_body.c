/* Bodies of line protocol: which lines stay, where the pieces end, what is said about bad lines. */
#include "config.h"
#include "unit.h"

#include "core/mem.h"
#include "parse/parse_tile.h"

static char text[1 << 20];

static struct ts_body read_text(size_t len, bool whole)
{
    struct ts_body body = {.text = text, .len = len, .precision_ns = 1, .whole = whole};
    assert_int_equal(ts_parse_body(&body), 0);
    return body;
}

static struct ts_body read(const char *z, bool whole)
{
    memcpy(text, z, strlen(z));
    return read_text(strlen(z), whole);
}

static void assert_piece(const struct ts_body *body, const char *want)
{
    assert_int_equal(body->npieces, 1);
    assert_int_equal(body->pieces[0].len, strlen(want));
    assert_memory_equal(body->pieces[0].p, want, strlen(want));
}

static void good_lines_stay_as_they_are(void **state)
{
    struct ts_body body = read("# c\nm f=1 1\r\n\nm s=\"a\nb\"\n", true);
    (void)state;
    assert_int_equal(body.accepted, 2);
    assert_int_equal(body.rejected, 0);
    assert_int_equal(body.why.len, 0);
    assert_piece(&body, "# c\nm f=1 1\r\n\nm s=\"a\nb\"");
    ts_body_fini(&body);
}

static void bad_lines_are_told_by_their_number(void **state)
{
    struct ts_body body = read("m f=1\nm s=\"a\nb\"\nbad\nm f=2\nm f=x 1\nm f=3", false);
    (void)state;
    assert_int_equal(body.accepted, 4);
    assert_int_equal(body.rejected, 2);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_NO_VALUE], 1);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_BAD_VALUE], 1);
    assert_piece(&body, "m f=1\nm s=\"a\nb\"\nm f=2\nm f=3");
    assert_string_equal(
        ts_buf_cstr(&body.why),
        "unable to parse 'bad': line 4, column 4: fields are missing: name,tag=value field=value\n"
        "unable to parse 'm f=x 1': line 6, column 5: not a value: 1.5, 42i, 42u, true and \"text\" are");
    ts_body_fini(&body);
}

static void a_whole_body_is_refused_for_one_line(void **state)
{
    struct ts_body body = read("m f=1\n# c\nbad\nm f=2\n", true);
    (void)state;
    assert_int_equal(body.npieces, 0);
    assert_int_equal(body.accepted, 0);
    assert_int_equal(body.rejected, 3);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_NO_VALUE], 1);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_WITH_BODY], 2);
    ts_body_fini(&body);
}

static void only_some_bad_lines_are_told(void **state)
{
    struct ts_body body = read("a\nb\nc\nd\ne\nf\ng\n", false);
    unsigned lines = 1;
    (void)state;
    assert_int_equal(body.rejected, 7);
    for (const char *p = ts_buf_cstr(&body.why); (p = strchr(p, '\n')); p++)
        lines++;
    assert_int_equal(lines, 6);
    assert_non_null(strstr(body.why.p, "\nand 2 more lines"));
    ts_body_fini(&body);
}

static void what_is_told_is_text(void **state)
{
    static const char line[] = "\0\t\xc3\xa4 f=1\xff";
    (void)state;
    memcpy(text, line, sizeof line - 1);
    struct ts_body body = read_text(sizeof line - 1, true);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_NOT_TEXT], 1);
    assert_non_null(
        strstr(ts_buf_cstr(&body.why), "unable to parse '\?\?\xc3\xa4 f=1...': line 1, column 9: not UTF-8"));
    ts_body_fini(&body);
}

/* Pieces are as long as whole lines allow; the longest line is a piece of its own, a longer one is refused.
 */
static void pieces_end_with_a_line(void **state)
{
    size_t len = 0;
    unsigned n = 0;
    (void)state;
    for (; len < 300000; n++)
        len += (size_t)sprintf(text + len, "m,t=%u f=%u\n", n % 7, n);
    size_t longest = len;
    len += (size_t)sprintf(text + len, "m f=\"");
    memset(text + len, 'x', TS_BODY_PIECE_MAX - 6);
    len += TS_BODY_PIECE_MAX - 6;
    len += (size_t)sprintf(text + len, "\"\n");
    assert_int_equal(len - 1 - longest, TS_BODY_PIECE_MAX);
    len += (size_t)sprintf(text + len, "m f=\"");
    memset(text + len, 'x', TS_BODY_PIECE_MAX - 5);
    len += TS_BODY_PIECE_MAX - 5;
    len += (size_t)sprintf(text + len, "\"\nm f=1");
    struct ts_body body = read_text(len, false);
    assert_int_equal(body.accepted, n + 2);
    assert_int_equal(body.rejected, 1);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_TOO_LONG], 1);
    size_t sum = 0;
    for (size_t i = 0; i < body.npieces; i++) {
        const struct ts_str *piece = &body.pieces[i];
        assert_true(piece->len <= TS_BODY_PIECE_MAX);
        assert_true(piece->p[0] == 'm' && piece->p[piece->len - 1] != '\n');
        const char *first_end = memchr(piece->p, '\n', piece->len);
        size_t first_len = first_end ? (size_t)(first_end - piece->p) : piece->len;
        if (i)
            assert_true(body.pieces[i - 1].len + 1 + first_len > TS_BODY_PIECE_MAX);
        sum += piece->len + 1;
    }
    assert_int_equal(body.npieces, 7);
    assert_int_equal(sum, longest + TS_BODY_PIECE_MAX + 1 + 6);
    ts_body_fini(&body);
}

static void a_quote_that_is_never_closed_takes_the_rest(void **state)
{
    struct ts_body body = read("m f=1\nm f=\"x\nm f=2\nm f=3\n", false);
    (void)state;
    assert_int_equal(body.accepted, 1);
    assert_int_equal(body.rejected_by[TS_C_REJECTED_BAD_VALUE], 1);
    assert_piece(&body, "m f=1");
    ts_body_fini(&body);
}

static void count_samples(struct ts_tile *tile, void *arg)
{
    unsigned *samples = arg;
    for (unsigned i = 0; i < tile->n; i++) {
        struct ts_series_view view;
        assert_int_equal(tile->resolve(tile, i, &view), 0);
        if (tile->raw[i].flags & TS_RAW_TEXT)
            ts_free(tile->raw[i].text);
    }
    *samples += tile->n;
}

/* What a request was told is good, the tiler must find good, line by line: texts made at random of what makes
 * lines go wrong. */
static void tiler_agrees(void **state)
{
    static const char *const tokens[] = {"m",
                                         ",",
                                         "t",
                                         "=",
                                         " ",
                                         "f=1",
                                         "f=\"",
                                         "\"",
                                         "\\",
                                         "\n",
                                         "\n",
                                         "\nm f=1\n",
                                         "1i",
                                         "#",
                                         "u",
                                         ":",
                                         "|c",
                                         "\r\n",
                                         "f=t",
                                         " 5",
                                         "\t",
                                         "é",
                                         "s=\"x\ny\",f=2 1\n"};
    static char piece[TS_BODY_PIECE_MAX + TS_TILER_PADDING];
    uint64_t seed = 88172645463325252u, good = 0, bad = 0;
    (void)state;
    struct ts_counters *cnt = ts_counters_new(NULL, NULL);
    struct ts_parse_opts opts = {.format = TS_FORMAT_INFLUX, .precision_ns = 1};
    unsigned samples = 0;
    struct ts_tiler *tl = ts_tiler_new(&opts, cnt, count_samples, &samples);
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = 0;
        for (unsigned i = 0; i < 60; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            len += (size_t)sprintf(text + len, "%s", tokens[seed % TS_ARRAY_SIZE(tokens)]);
        }
        struct ts_body body = read_text(len, false);
        good += body.accepted;
        bad += body.rejected;
        for (size_t i = 0; i < body.npieces; i++) {
            memcpy(piece, body.pieces[i].p, body.pieces[i].len);
            ts_tiler_feed(tl, piece, body.pieces[i].len);
            ts_tiler_flush(tl);
        }
        ts_body_fini(&body);
        assert_int_equal(ts_counter_of(cnt, TS_C_LINES_ACCEPTED), good);
        assert_int_equal(ts_counter_of(cnt, TS_C_LINES_RECEIVED), good);
    }
    assert_true(good > 20000 && bad > 20000);
    assert_int_equal(ts_counter_of(cnt, TS_C_SAMPLES_RECEIVED), samples);
    ts_tiler_free(&tl);
    ts_counters_free_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines_stay_as_they_are),
        cmocka_unit_test(bad_lines_are_told_by_their_number),
        cmocka_unit_test(a_whole_body_is_refused_for_one_line),
        cmocka_unit_test(only_some_bad_lines_are_told),
        cmocka_unit_test(what_is_told_is_text),
        cmocka_unit_test(pieces_end_with_a_line),
        cmocka_unit_test(a_quote_that_is_never_closed_takes_the_rest),
        cmocka_unit_test(tiler_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
