/*
 * Any bytes as a segment of the store: u16 length of the head, head without its checksum, data. The checksum is put right here, because
 * it would keep the fuzzer out. What opens is decoded in every way.
 */
#include "config.h"
#include "core/hash.h"
#include "core/mem.h"
#include "store/store_segment.h"
#include "store/store_table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct ts_seg *seg, struct ts_str data)
{
    size_t room = seg->n + TS_SEG_PAD;
    uint64_t *v = ts_xalloc(room * sizeof *v);
    struct ts_str *s = ts_xalloc(room * sizeof *s);
    uint32_t *rows = ts_xalloc(room * sizeof *rows), *ends = ts_xalloc(room * sizeof *ends);
    unsigned count, few = TS_MIN(seg->n, 3u);
    (void)!ts_seg_times(seg, data, 0, seg->n, (int64_t *)v);
    (void)!ts_seg_times(seg, data, seg->n - few, few, (int64_t *)v);
    if (seg->nseries)
        (void)!ts_seg_series(seg, data, rows, ends);
    for (unsigned c = 0; c < seg->ncols; c++) {
        if (ts_seg_values(seg, data, &seg->cols[c], 0, seg->n, v, s, rows, &count) == 0) {
            TS_ASSERT(count <= seg->n);
            for (unsigned i = 0; i < count && seg->cols[c].nulls; i++)
                TS_ASSERT(rows[i] < seg->n);
            for (unsigned i = 0; i < count && seg->cols[c].type == TS_SCAN_STRING; i++)
                TS_ASSERT(s[i].len == 0 || (s[i].p >= data.p && s[i].p + s[i].len <= data.p + data.len));
        }
        (void)!ts_seg_values(seg, data, &seg->cols[c], seg->n - few, few, v, s, rows, &count);
    }
    ts_free(v);
    ts_free(s);
    ts_free(rows);
    ts_free(ends);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t len;
    if (size < 2)
        return 0;
    memcpy(&len, data, 2);
    if (len > size - 2)
        return 0;
    struct ts_buf head = TS_BUF_INIT;
    struct ts_seg seg = {0};
    struct ts_table tbl = {0};
    size_t rest = size - 2 - len;
    char *copy = ts_xalloc(rest + 1); /* so that ASan sees its end */
    memcpy(copy, data + 2 + len, rest);
    ts_buf_put(&head, data + 2, len);
    ts_buf_put(&head, &(uint64_t){ts_hash_seeded(data + 2, len, 0)}, 8);
    struct ts_str columns = {copy, rest};
    if (ts_seg_open(&seg, ts_buf_str(&head), 0) == 0) {
        decode(&seg, columns);
        struct ts_tomb tomb = {2, 7, 0, 1000};
        struct ts_seg_all all;
        if (ts_table_append(&tbl, &seg, columns, NULL, 0, seg.n, 1, 7, &tomb, 1) == 0)
            (void)!ts_table_sort(&tbl);
        if (ts_all_decode(&all, &seg, columns) == 0) {
            ts_table_clear(&tbl);
            for (unsigned i = 0; i < seg.n; i += 1 + i / 2)
                (void)!ts_table_append(&tbl, &seg, columns, &all, i, TS_MIN(seg.n - i, 2u), 1, 7, &tomb, 1);
            ts_all_free(&all);
        }
    }
    ts_table_fini(&tbl);
    ts_seg_fini(&seg);
    ts_buf_fini(&head);
    ts_free(copy);
    return 0;
}
