/* Stages one by one, with what comes out of them worked out by hand; the ledger of each must balance. */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "core/mem.h"
#include "pipe/pipe.h"

#define T0_NS (1000 * TS_SEC)

/* One line for each sample that came out: series value weight time. */
struct way {
    struct ts_conf conf;
    struct ts_counters *cnt;
    struct ts_pipe *pipe;
    struct ts_tile tile;
    struct ts_buf seen;
    unsigned nseen, received, resolved;
    bool canonical; /* the latest that came out had an encoded series for a key */
};

static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    struct way *way = tile->owner;
    const struct ts_raw *raw = &tile->raw[i];
    const char *equals = raw->tail_len ? memchr(raw->tail, '=', raw->tail_len) : NULL;
    way->resolved++;
    *out = (struct ts_series_view){.kind = (enum ts_kind)raw->kind, .name = {raw->head, raw->head_len}};
    if (equals) {
        size_t key_len = (size_t)(equals - raw->tail);
        out->ntags = 1;
        out->tags[0] = (struct ts_tag){{raw->tail, key_len}, {equals + 1, raw->tail_len - key_len - 1}};
    }
    return 0;
}

static void see(struct ts_tile *tile, void *arg)
{
    struct way *way = arg;
    static struct ts_series_view view;
    assert_in_range(tile->n, 1, TS_TILE_MAX);
    for (unsigned i = 0; i < tile->n; i++) {
        const struct ts_raw *raw = &tile->raw[i];
        assert_int_equal(tile->resolve(tile, i, &view), 0);
        assert_int_equal(view.kind, raw->kind);
        way->canonical = raw->flags & TS_RAW_CANONICAL;
        ts_series_print(&view, &way->seen);
        if (raw->flags & TS_RAW_TEXT) {
            ts_buf_printf(&way->seen, " \"%.*s\"", (int)raw->text->len, raw->text->p);
            ts_free(raw->text);
        } else {
            ts_buf_printf(&way->seen, " %g", raw->value);
        }
        if (raw->flags & TS_RAW_WEIGHT)
            ts_buf_printf(&way->seen, " *%g", raw->weight);
        if (raw->flags & TS_RAW_TIME)
            ts_buf_printf(&way->seen, " @%lld", (long long)((raw->time_ns - T0_NS) / TS_MS));
        ts_buf_putc(&way->seen, '\n');
        way->nseen++;
    }
}

static void set_up(struct way *way, struct ts_conf_stage *stages, unsigned n)
{
    *way = (struct way){
        .conf = {.npipeline = n, .pipeline = stages, .limits = {.series = 1000}, .future_ns = 600 * TS_SEC}};
    way->cnt = ts_counters_new(NULL, NULL);
    way->pipe =
        ts_pipe_new(&(struct ts_pipe_conf){.conf = &way->conf, .cnt = way->cnt, .next = see, .arg = way});
    way->tile.resolve = resolve;
    way->tile.owner = way;
    ts_pipe_begin(way->pipe, T0_NS);
}

static struct ts_raw *put(struct way *way, const char *name, const char *tag, double value)
{
    way->received++;
    way->tile.raw[way->tile.n] = (struct ts_raw){.head = name,
                                                 .head_len = (uint32_t)strlen(name),
                                                 .tail = tag,
                                                 .tail_len = (uint16_t)strlen(tag),
                                                 .kind = TS_KIND_TIMING,
                                                 .value = value,
                                                 .weight = 1};
    return &way->tile.raw[way->tile.n++];
}

static void put_at(struct way *way, const char *name, double value, int64_t ms)
{
    struct ts_raw *raw = put(way, name, "", value);
    raw->time_ns = T0_NS + ms * TS_MS;
    raw->flags = TS_RAW_TIME;
}

static void run(struct way *way)
{
    ts_pipe_tile(&way->tile, way->pipe);
    way->tile.n = 0;
}

static uint64_t dropped(const struct way *way)
{
    return ts_counter_of(way->cnt, TS_C_DROPPED_FILTERED) +
           ts_counter_of(way->cnt, TS_C_DROPPED_SAMPLED_OUT) +
           ts_counter_of(way->cnt, TS_C_DROPPED_STAGE_RATE_LIMIT) +
           ts_counter_of(way->cnt, TS_C_DROPPED_DUPLICATE) +
           ts_counter_of(way->cnt, TS_C_DROPPED_STAGE_ERROR);
}

static void expect(struct way *way, const char *seen)
{
    assert_string_equal(way->seen.len ? ts_buf_cstr(&way->seen) : "", seen);
    ts_buf_clear(&way->seen);
}

static void tear_down(struct way *way)
{
    ts_pipe_end(way->pipe);
    assert_int_equal(way->received + ts_counter_of(way->cnt, TS_C_SAMPLES_CREATED),
                     way->nseen + dropped(way));
    ts_pipe_free(&way->pipe);
    ts_buf_fini(&way->seen);
    ts_counters_free_all();
}

static struct way way;

static void filter_by_key_and_value(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {
        {.type = (char *)"filter", .keep = (char *)"name ~ \"a*\""},
        {.type = (char *)"filter", .drop = (char *)"value > 5 and tags.k == \"v\""}};
    set_up(&way, stages, 2);
    for (unsigned round = 0; round < 2; round++) {
        put(&way, "a", "", 6);
        put(&way, "b", "", 1);
        put(&way, "a", "k=v", 6);
        put(&way, "a", "k=v", 5);
        run(&way);
        assert_false(way.canonical); /* a key that nothing changed stays what it is */
        assert_int_equal(way.resolved, 3);
        expect(&way, "a 6\na,k=v 5\n");
    }
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_FILTERED), 4);
    assert_int_equal(ts_counter_sum(TS_C_STAGE_IN), 8 + 6);
    assert_int_equal(ts_counter_sum(TS_C_STAGE_OUT), 6 + 4);
    assert_int_equal(ts_counter_sum(TS_C_STAGE_DROPPED), 4);
    tear_down(&way);
}

static void map_changes_value_and_series(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {
        {.type = (char *)"map",
         .value = (char *)"value + 1",
         .from = (char *)"s",
         .to = (char *)"ms",
         .set = (char *)"name={name}.x\ntags.copy={tags.k}"},
        {.type = (char *)"map",
         .when = (char *)"value > 5000",
         .set = (char *)"name=slow",
         .drop_tags = (char *)"k"},
        {.type = (char *)"filter",
         .keep = (char *)"name == \"slow\" or tags.k == \"v\" or tags.copy == \"\""}};
    set_up(&way, stages, 3);
    for (unsigned round = 0; round < 2; round++) {
        put(&way, "a", "k=v", 1)->flags = TS_RAW_WEIGHT;
        way.tile.raw[0].weight = 4;
        put(&way, "a", "k=v", 5);
        put(&way, "b", "", 5);
        put(&way, "c", "k=w", 1);
        run(&way);
        assert_true(way.canonical);
        expect(&way, "a.x,copy=v,k=v 2000 *4\nslow,copy=v 6000\nslow 6000\n");
    }
    assert_int_equal(way.resolved, 3);
    tear_down(&way);
}

static void no_finite_number(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {{.type = (char *)"map", .value = (char *)"1 / value"}};
    set_up(&way, stages, 1);
    put(&way, "a", "", 0);
    put(&way, "a", "", 4);
    put(&way, "a", "", 1e-310);
    struct ts_raw *set = put(&way, "s", "", 0);
    set->kind = TS_KIND_SET;
    set->flags = TS_RAW_BITS;
    run(&way);
    expect(&way, "a 0.25\ns 0\n");
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_STAGE_ERROR), 2);
    assert_int_equal(ts_counter_sum(TS_C_STAGE_ERRORS), 2);
    tear_down(&way);
}

static void a_series_that_cannot_be(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {{.type = (char *)"map", .replace = (char *)"name /^gone$//"}};
    set_up(&way, stages, 1);
    put(&way, "gone", "", 1);
    put(&way, "kept", "", 1);
    run(&way);
    expect(&way, "kept 1\n");
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_STAGE_ERROR), 1);
    tear_down(&way);
}

static void flatmap_makes_more_than_a_tile(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {
        {.type = (char *)"flatmap",
         .copies = (char *)"tags.c=1\ntags.c=2 name=b\ntags.c=3",
         .keep_original = true},
        {.type = (char *)"flatmap", .split_tag = (char *)"k", .split_by = (char *)"::"},
        {.type = (char *)"filter", .drop = (char *)"name == \"b\" and value < 10"}};
    set_up(&way, stages, 3);
    put(&way, "a", "k=x::y::::", 1);
    run(&way);
    expect(&way, "a,c=1,k=x 1\na,c=1,k=y 1\na,c=3,k=x 1\na,c=3,k=y 1\na,k=x 1\na,k=y 1\n");
    for (unsigned i = 0; i < TS_TILE_MAX; i++)
        put(&way, "a", "k=x::y", 20);
    run(&way);
    assert_int_equal(way.nseen, 6 + 64 * 8);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_SAMPLES_CREATED), 65 * 7);
    ts_buf_clear(&way.seen);
    struct ts_raw *raw = put(&way, "t", "", 0); /* each copy gets a text of its own */
    raw->kind = TS_KIND_STRING;
    raw->flags = TS_RAW_TEXT;
    raw->text = ts_alloc(sizeof *raw->text + 2);
    raw->text->len = 2;
    memcpy(raw->text->p, "hi", 2);
    run(&way);
    assert_non_null(strstr(ts_buf_cstr(&way.seen), "t,c=1 \"hi\"\n"));
    assert_non_null(strstr(ts_buf_cstr(&way.seen), "b,c=2 \"hi\"\n"));
    assert_int_equal(way.nseen, 6 + 64 * 8 + 4);
    tear_down(&way);
}

static void sampling(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {{.type = (char *)"sample", .probability = (char *)"0.2"}};
    struct ts_buf first = TS_BUF_INIT;
    for (unsigned round = 0; round < 2; round++) {
        set_up(&way, stages, 1);
        for (unsigned i = 0; i < 64 * 1000; i++) {
            put(&way, "a", "", 1);
            if (way.tile.n == TS_TILE_MAX)
                run(&way);
        }
        /* 64,000 tries at 0.2: a standard deviation is 101. */
        assert_in_range(way.nseen, 12800 - 600, 12800 + 600);
        for (const char *p = ts_buf_cstr(&way.seen); *p; p = strchr(p, '\n') + 1)
            assert_memory_equal(p, "a 1 *5\n", 7);
        if (round == 0)
            ts_buf_put_str(&first, ts_buf_str(&way.seen));
        else
            assert_true(ts_str_eq(ts_buf_str(&first), ts_buf_str(&way.seen)));
        tear_down(&way);
    }
    ts_buf_fini(&first);
}

static void rate_limits_by_the_clock(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {
        {.type = (char *)"rate_limit", .rate = 10, .burst = 3, .per = TS_PER_SERIES}};
    set_up(&way, stages, 1);
    static const struct {
        int64_t ms;
        unsigned sent, passed; /* of each of two series */
    } steps[] = {{0, 5, 3}, {50, 2, 0}, {100, 2, 1}, {250, 2, 1}, {10000, 5, 3}, {9000, 1, 0}, {10100, 2, 1}};
    for (size_t i = 0; i < TS_ARRAY_SIZE(steps); i++) {
        unsigned before = way.nseen;
        ts_pipe_begin(way.pipe, T0_NS + steps[i].ms * TS_MS);
        for (unsigned j = 0; j < steps[i].sent; j++) {
            put(&way, "a", "", j);
            put(&way, "b", "", j);
        }
        run(&way);
        assert_int_equal(way.nseen - before, 2 * steps[i].passed);
    }
    tear_down(&way);
}

static void dedup_keeps_the_last_and_the_order(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {{.type = (char *)"dedup", .within_ns = TS_SEC, .hold = 3}};
    set_up(&way, stages, 1);
    put_at(&way, "a", 1, 0);
    put_at(&way, "b", 2, 0);
    put_at(&way, "a", 3, 0);
    put(&way, "a", "", 4);
    run(&way);
    expect(&way, "a 4\n"); /* without a time it is held by nothing */
    ts_pipe_tick(way.pipe, T0_NS + 999 * TS_MS);
    put_at(&way, "a", 5, 1);
    put_at(&way, "b", 6, 0);
    run(&way);
    expect(&way, "");
    ts_pipe_tick(way.pipe, T0_NS + 1000 * TS_MS);
    expect(&way, "a 3 @0\nb 6 @0\n");
    put_at(&way, "a", 7, 0); /* too late to be one */
    put_at(&way, "c", 8, 0);
    put_at(&way, "d", 9, 0); /* one too many */
    run(&way);
    expect(&way, "a 5 @1\n");
    assert_int_equal(ts_counter_sum(TS_C_STAGE_EARLY), 1);
    ts_pipe_end(way.pipe);
    expect(&way, "a 7 @0\nc 8 @0\nd 9 @0\n");
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_DUPLICATE), 2);
    put_at(&way, "a", 1, INT64_MIN / TS_MS + 2 * T0_NS / TS_MS);
    run(&way);
    tear_down(&way);
}

static void keys_are_forgotten(void **unused)
{
    (void)unused;
    struct ts_conf_stage stages[] = {{.type = (char *)"map", .set = (char *)"tags.x=1"},
                                     {.type = (char *)"dedup", .within_ns = TS_SEC, .hold = 1000000}};
    static char names[20000][8];
    set_up(&way, stages, 2);
    for (unsigned i = 0; i < TS_ARRAY_SIZE(names); i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
        put_at(&way, names[i], i, 0);
        if (way.tile.n == TS_TILE_MAX)
            run(&way);
    }
    run(&way);
    ts_pipe_end(way.pipe);
    assert_int_equal(way.nseen,
                     TS_ARRAY_SIZE(names)); /* what was held went on before its key was forgotten */
    ts_buf_clear(&way.seen);
    put_at(&way, "n7", 1, 5);
    run(&way);
    ts_pipe_end(way.pipe);
    expect(&way, "n7,x=1 1 @5\n");
    tear_down(&way);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(filter_by_key_and_value),
                                       cmocka_unit_test(map_changes_value_and_series),
                                       cmocka_unit_test(no_finite_number),
                                       cmocka_unit_test(a_series_that_cannot_be),
                                       cmocka_unit_test(flatmap_makes_more_than_a_tile),
                                       cmocka_unit_test(sampling),
                                       cmocka_unit_test(rate_limits_by_the_clock),
                                       cmocka_unit_test(dedup_keeps_the_last_and_the_order),
                                       cmocka_unit_test(keys_are_forgotten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
