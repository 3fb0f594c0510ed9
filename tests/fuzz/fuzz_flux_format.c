/*
 * Any bytes as a script: it parses or says where not. What parses is formatted, which parses again, and
 * formatting that changes nothing.
 */
#include "config.h"
#include "core/utf8.h"
#include "flux/lang/lang.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool format(struct ts_str text, struct ts_buf *to)
{
    struct ts_flux_mem mem = {.limit = 64u << 20};
    struct ts_flux_arena arena;
    struct ts_flux_names names = {.arena = &arena};
    struct ts_flux_source src = {"", text};
    struct ts_flux_error error = {0};
    struct ts_flux_file file;
    ts_flux_arena_init(&arena, &mem);
    bool good = ts_flux_parse(&arena, &names, &src, &file, &error) == 0;
    if (good) {
        ts_flux_format(&file, to);
    } else {
        TS_ASSERT(error.msg[0]);
        ts_flux_error_print(&error, to);
    }
    ts_flux_arena_fini(&arena);
    TS_ASSERT(mem.used == 0);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ts_str text = {(const char *)data, size};
    struct ts_buf once = TS_BUF_INIT, twice = TS_BUF_INIT;
    if (size < 100000 && ts_utf8_valid(text) && format(text, &once)) {
        TS_ASSERT(format(ts_buf_str(&once), &twice));
        ts_buf_clear(&once);
        TS_ASSERT(format(ts_buf_str(&twice), &once));
        TS_ASSERT(ts_str_eq(ts_buf_str(&once), ts_buf_str(&twice)));
    }
    ts_buf_fini(&once);
    ts_buf_fini(&twice);
    return 0;
}
