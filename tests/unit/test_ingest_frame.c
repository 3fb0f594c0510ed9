/* Streams to lines: whatever the reads cut, the lines are those of the text as a whole. */
#include "config.h"
#include "ingest/ingest_frame.h"

#include "core/mem.h"
#include "unit.h"

#include <stdlib.h>

struct reader {
    struct ts_framer framer;
    struct ts_buf got; /* all lines, one behind the other */
    unsigned lost[TS_FRAME_CUT_OFF + 1];
    char *region;
};

static void reader_init(struct reader *rd, enum ts_framing framing)
{
    *rd = (struct reader){.region = ts_xalloc(TS_FRAME_MAX + 64)};
    ts_frame_init(&rd->framer, framing);
}

static void reader_fini(struct reader *rd)
{
    ts_frame_fini(&rd->framer);
    ts_buf_fini(&rd->got);
    ts_free(rd->region);
}

/* As a consumer may: 64 bytes behind the data are overwritten. */
static void keep(struct reader *rd, const struct ts_frame *frame)
{
    assert_true(frame->lines >= rd->region && frame->lines + frame->len <= rd->region + TS_FRAME_MAX);
    ts_buf_put(&rd->got, frame->lines, frame->len);
    memset(frame->lines + frame->len, '?', 64);
    rd->lost[frame->loss]++;
}

/* Gives the bytes as reads of at most `most`. */
static void give(struct reader *rd, const char *p, size_t n, size_t most)
{
    while (n) {
        size_t room;
        char *to = ts_frame_room(&rd->framer, rd->region, &room);
        assert_true(room > 0 && to + room == rd->region + TS_FRAME_MAX);
        size_t now = TS_MIN(TS_MIN(n, most), room);
        memcpy(to, p, now);
        struct ts_frame frame = ts_frame_take(&rd->framer, rd->region, now);
        keep(rd, &frame);
        assert_true(frame.len == 0 || frame.lines[frame.len - 1] == '\n' || rd->framer.framing);
        p += now;
        n -= now;
    }
}

static void end(struct reader *rd)
{
    struct ts_frame frame = ts_frame_end(&rd->framer, rd->region);
    keep(rd, &frame);
    assert_int_equal(rd->framer.carry.len, 0);
}

static void assert_got(struct reader *rd, const char *want, size_t n)
{
    assert_int_equal(rd->got.len, n);
    assert_memory_equal(rd->got.p ? rd->got.p : "", want, n);
}

static void two_reads_cut_anywhere(void **state)
{
    static const char text[] = "a:1|c\n\nsecond line\r\n\r\nthird,k=v x=\"y\" 1\nrest";
    size_t n = sizeof text - 1;
    (void)state;
    for (size_t i = 0; i <= n; i++) {
        for (size_t k = i; k <= n; k++) {
            struct reader rd;
            reader_init(&rd, TS_FRAMING_LINES);
            give(&rd, text, i, n);
            give(&rd, text + i, k - i, n);
            give(&rd, text + k, n - k, n);
            end(&rd);
            assert_got(&rd, text, n);
            reader_fini(&rd);
        }
    }
}

static void only_whole_lines_are_given(void **state)
{
    struct reader rd;
    (void)state;
    reader_init(&rd, TS_FRAMING_LINES);
    give(&rd, "a\nb", 3, 3);
    assert_got(&rd, "a\n", 2);
    give(&rd, "c", 1, 1);
    assert_got(&rd, "a\n", 2);
    give(&rd, "\n", 1, 1);
    assert_got(&rd, "a\nbc\n", 5);
    end(&rd);
    assert_got(&rd, "a\nbc\n", 5);
    reader_fini(&rd);
}

/* n bytes and a line end: with TS_FRAME_MAX bytes together it passes, with one more it does not. */
static void length_limit(void **state)
{
    char *line = ts_xalloc(3 * TS_FRAME_MAX);
    (void)state;
    memset(line, 'x', 3 * TS_FRAME_MAX);
    for (size_t most = 1; most <= 3 * TS_FRAME_MAX; most = most * 3 + 1) {
        struct reader rd;
        reader_init(&rd, TS_FRAMING_LINES);
        give(&rd, line, TS_FRAME_MAX - 1, most);
        give(&rd, "\n", 1, 1);
        assert_int_equal(rd.lost[TS_FRAME_TOO_LONG], 0);
        assert_int_equal(rd.got.len, TS_FRAME_MAX);
        give(&rd, line, TS_FRAME_MAX, most);
        assert_int_equal(rd.lost[TS_FRAME_TOO_LONG], 1);
        give(&rd, line, 3 * TS_FRAME_MAX, most);
        give(&rd, "x\ngood\nrest", 11, most);
        end(&rd);
        assert_int_equal(rd.lost[TS_FRAME_TOO_LONG], 1);
        assert_int_equal(rd.got.len, TS_FRAME_MAX + 9);
        assert_memory_equal(rd.got.p + TS_FRAME_MAX, "good\nrest", 9);
        reader_fini(&rd);
    }
    ts_free(line);
}

/* Random texts against what their lines are when one looks at them whole. */
static void random_texts(void **state)
{
    (void)state;
    srand(1);
    for (unsigned round = 0; round < 200; round++) {
        struct ts_buf text = TS_BUF_INIT, want = TS_BUF_INIT;
        struct reader rd;
        unsigned too_long = 0;
        for (unsigned i = 0; i < 8; i++) {
            size_t n = (size_t)rand() % (rand() % 3 ? 50 : 2 * TS_FRAME_MAX);
            size_t at = text.len;
            while (text.len - at < n)
                ts_buf_putc(&text, (char)('a' + rand() % 26));
            ts_buf_putc(&text, '\n');
            if (n + 1 <= TS_FRAME_MAX)
                ts_buf_put(&want, text.p + at, n + 1);
            else
                too_long++;
        }
        reader_init(&rd, TS_FRAMING_LINES);
        for (size_t at = 0; at < text.len;) {
            size_t n = 1 + (size_t)rand() % 40000;
            n = TS_MIN(n, text.len - at);
            give(&rd, text.p + at, n, n);
            at += n;
        }
        end(&rd);
        assert_got(&rd, want.p, want.len);
        assert_int_equal(rd.lost[TS_FRAME_TOO_LONG], too_long);
        reader_fini(&rd);
        ts_buf_fini(&text);
        ts_buf_fini(&want);
    }
}

static void packets_cut_anywhere(void **state)
{
    static const char stream[] = "\5\0\0\0a:1|c\0\0\0\0\14\0\0\0b:2|c\nc:3|c\n\1\0\0\0x",
                      want[] = "a:1|c\n\nb:2|c\nc:3|c\nx\n";
    size_t n = sizeof stream - 1;
    (void)state;
    for (size_t i = 0; i <= n; i++) {
        for (size_t k = i; k <= n; k++) {
            struct reader rd;
            reader_init(&rd, TS_FRAMING_DOGSTATSD);
            give(&rd, stream, i, n);
            give(&rd, stream + i, k - i, n);
            give(&rd, stream + k, n - k, n);
            end(&rd);
            assert_got(&rd, want, sizeof want - 1);
            assert_int_equal(rd.lost[TS_FRAME_CUT_OFF], 0);
            reader_fini(&rd);
        }
    }
}

static void longest_packet(void **state)
{
    char *stream = ts_xalloc(TS_FRAME_MAX + 1);
    (void)state;
    memset(stream, 'x', TS_FRAME_MAX);
    for (size_t most = 1; most <= TS_FRAME_MAX; most = most * 5 + 1) {
        struct reader rd;
        reader_init(&rd, TS_FRAMING_DOGSTATSD);
        memcpy(stream, "\xfc\xff\0\0", 4);
        give(&rd, stream, TS_FRAME_MAX, most);
        assert_int_equal(rd.got.len, TS_FRAME_MAX - 4 + 1);
        give(&rd, "\1\0\0\0y", 5, most);
        give(&rd, "\2\0\0\0y", 5, most);
        end(&rd);
        assert_int_equal(rd.got.len, TS_FRAME_MAX - 4 + 1 + 2);
        assert_int_equal(rd.lost[TS_FRAME_CUT_OFF], 1);
        reader_fini(&rd);

        reader_init(&rd, TS_FRAMING_DOGSTATSD);
        give(&rd, "\1\0\0\0y\xfd\xff\0\0", 9, 9);
        assert_int_equal(rd.lost[TS_FRAME_BROKEN], 1);
        assert_got(&rd, "y\n", 2);
        reader_fini(&rd);
    }
    ts_free(stream);
}

#ifdef TS_HOSTILE
static void no_memory_loses_one_line(void **state)
{
    struct reader rd;
    (void)state;
    reader_init(&rd, TS_FRAMING_LINES);
    ts_alloc_fail_at(1);
    rd.region[0] = 'x';
    struct ts_frame frame = ts_frame_take(&rd.framer, rd.region, 1);
    assert_int_equal(frame.loss, TS_FRAME_NO_MEMORY);
    give(&rd, "y", 1, 1);
    give(&rd, "z\ngood\n", 7, 7);
    assert_got(&rd, "good\n", 5);
    reader_fini(&rd);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_reads_cut_anywhere),
        cmocka_unit_test(only_whole_lines_are_given),
        cmocka_unit_test(length_limit),
        cmocka_unit_test(random_texts),
        cmocka_unit_test(packets_cut_anywhere),
        cmocka_unit_test(longest_packet),
#ifdef TS_HOSTILE
        cmocka_unit_test(no_memory_loses_one_line),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
