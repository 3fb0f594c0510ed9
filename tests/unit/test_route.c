/* Interning against a plain list, and what a full lane costs. */
#include "config.h"
#include "unit.h"

#include "core/clock.h"
#include "core/mem.h"
#include "route/route.h"
#include "route/route_intern.h"

static void keys_get_ids_once(void **unused)
{
    (void)unused;
    enum { N = 200000 };
    struct ts_intern *in = ts_intern_new();
    char head[32];
    for (unsigned round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < N; i++) {
            struct ts_raw raw = {.head = head, .tail = i % 3 ? "k:v" : "", .tail_len = i % 3 ? 3 : 0, .kind = i % 2};
            raw.head_len = (uint32_t)snprintf(head, sizeof head, "series.%u", i / 6);
            raw.flags = (i / 6) % 7 == 0 ? TS_RAW_CANONICAL : 0;
            struct ts_print print = in->hash(in, &raw);
            uint64_t ref = ts_intern_find(in, print);
            /* i modulo 6 gives four different keys: two kinds, with and without tail. */
            bool seen = round > 0 || (i % 6 == 4 || i % 6 == 5);
            assert_int_equal(ref != 0, seen);
            if (!ref)
                ref = ts_intern_add(in, print, i % 5);
            assert_true(ts_ref_fits(ref, print));
            assert_true(ts_intern_find(in, print) == ref && ts_intern_by_id(in, ts_ref_id(ref)) == ref);
            assert_true(ts_ref_worker(ref) < 5);
        }
    }
    assert_int_equal(in->count, N / 6 * 4 + 2);
    ts_intern_free(&in);
}

static struct ts_print print_in_one_piece(const struct ts_intern *in, const char *text, uint32_t head_len, uint16_t tail_len)
{
    struct ts_raw raw = {.head = text, .head_len = head_len, .tail = text + head_len + 1, .tail_len = tail_len, .kind = TS_KIND_FIELD};
    return in->hash(in, &raw);
}

/* A line's first field, whose key is hashed as one: every byte of it counts, and nothing else. */
static void keys_in_one_piece(void **unused)
{
    (void)unused;
    struct ts_intern *in = ts_intern_new();
    for (uint32_t head_len = 1; head_len < 40; head_len++) {
        for (uint16_t tail_len = 1; tail_len < 20; tail_len++) {
            char here[64], there[64];
            memset(here, 'a', sizeof here);
            memset(there, 'a', sizeof there);
            there[head_len + 1 + tail_len] = 'b';
            struct ts_print print = print_in_one_piece(in, here, head_len, tail_len), same = print_in_one_piece(in, there, head_len, tail_len);
            assert_true(same.low == print.low && same.high == print.high);
            for (uint32_t i = 0; i < head_len + 1 + tail_len; i++) {
                there[i] = 'b';
                struct ts_print other = print_in_one_piece(in, there, head_len, tail_len);
                assert_true(i == head_len || (other.low != print.low && other.high != print.high));
                there[i] = 'a';
            }
            struct ts_print longer = print_in_one_piece(in, here, head_len + 1, tail_len - 1);
            assert_true(longer.low != print.low);
        }
    }
    ts_intern_free(&in);
}

static int resolve(struct ts_tile *tile, unsigned i, struct ts_series_view *out)
{
    *out = (struct ts_series_view){.kind = (enum ts_kind)tile->raw[i].kind,
                                   .name = {tile->raw[i].head, tile->raw[i].head_len}};
    return 0;
}

struct one_way {
    struct ts_lane lane;
    struct ts_bell worker_bell, ingest_bell;
    struct ts_counters *cnt;
    struct ts_router *router;
    struct ts_census *census;
    struct ts_tile tile;
};

static void set_up_for(struct one_way *way, unsigned nseries, enum ts_when_full when_full, int64_t block_ns)
{
    memset(way, 0, sizeof *way);
    ts_lane_init(&way->lane, &way->worker_bell, &way->ingest_bell);
    way->cnt = ts_counters_new(NULL, NULL);
    way->tile.resolve = resolve;
    struct ts_router_conf conf = {.lanes = &way->lane,
                                  .nworkers = 1,
                                  .bell = &way->ingest_bell,
                                  .cnt = way->cnt,
                                  .series_limit = nseries,
                                  .census = way->census = ts_census_new(nseries, 3),
                                  .future_ns = 600 * TS_SEC,
                                  .when_full = when_full,
                                  .block_ns = block_ns};
    way->router = ts_router_new(&conf);
}

static void set_up(struct one_way *way, enum ts_when_full when_full, int64_t block_ns)
{
    set_up_for(way, 10, when_full, block_ns);
}

static void tear_down(struct one_way *way)
{
    struct ts_slab *slab;
    ts_router_flush(way->router, false);
    while ((slab = ts_ring_pop(&way->lane.full)))
        for (uint32_t i = 0; i < slab->n; i++)
            if (slab->points[i].flags & TS_POINT_SERIES)
                ts_free(slab->points[i].announce);
    ts_router_free(&way->router);
    ts_census_free(&way->census);
    ts_lane_fini(&way->lane);
    ts_counters_free_all();
}

static void put(struct one_way *way, const char *name, double value, int64_t time_ns)
{
    way->tile.raw[way->tile.n++] = (struct ts_raw){.head = name,
                                                   .head_len = (uint32_t)strlen(name),
                                                   .kind = TS_KIND_COUNTER,
                                                   .flags = time_ns == TS_TIME_NONE ? 0 : TS_RAW_TIME,
                                                   .value = value,
                                                   .weight = 1,
                                                   .time_ns = time_ns};
}

static void a_full_lane(void **unused)
{
    (void)unused;
    for (unsigned block = 0; block < 2; block++) {
        static struct one_way way;
        set_up(&way, block ? TS_FULL_BLOCK : TS_FULL_DROP_NEW, 20 * TS_MS);
        int64_t began = ts_clock_mono_ns();
        ts_router_begin(way.router, 1000 * TS_SEC);
        for (unsigned t = 0; t < 2000; t++) {
            way.tile.n = 0;
            while (way.tile.n < TS_TILE_MAX)
                put(&way, "a", 1, TS_TIME_NONE);
            ts_router_tile(&way.tile, way.router);
        }
        int64_t took = ts_clock_mono_ns() - began;
        /* One entry told the worker what the id stands for. */
        uint64_t fit = (uint64_t)TS_LANE_SLABS * TS_SLAB_POINTS - 1;
        assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_RING_FULL), 2000 * 64 - fit);
        assert_true(!block || (took >= 20 * TS_MS && took < 2 * TS_SEC)); /* waited, and once only */
        tear_down(&way);
    }
}

/* As the worker does: what is in the ring is read, and given back; a later tick brings what waits behind it. */
struct reader {
    bool known[2000];
    unsigned announced, samples, slabs;
    double last;
};

static void read_slabs(struct one_way *way, struct reader *rd)
{
    struct ts_slab *slab;
    while ((slab = ts_ring_pop(&way->lane.full))) {
        rd->slabs++;
        for (uint32_t i = 0; i < slab->n; i++) {
            const struct ts_point *pt = &slab->points[i];
            if (pt->flags & TS_POINT_SERIES) {
                assert_false(rd->known[pt->id]);
                rd->known[pt->id] = true;
                rd->announced++;
                ts_free(pt->announce);
                continue;
            }
            assert_true(rd->known[pt->id]); /* announced before it is used */
            assert_true(pt->id == 0 || pt->value > rd->last);
            if (pt->id == 0)
                ts_free(pt->text);
            else
                rd->last = pt->value;
            rd->samples++;
            i += (pt->flags & TS_POINT_EXT) != 0;
        }
        assert_true(ts_ring_push(&way->lane.empty, slab));
    }
}

static void put_text(struct one_way *way)
{
    struct ts_text *text = ts_xalloc(sizeof *text + 1);
    put(way, "text", 0, TS_TIME_NONE);
    way->tile.raw[way->tile.n - 1].kind = TS_KIND_STRING;
    way->tile.raw[way->tile.n - 1].flags = TS_RAW_TEXT;
    way->tile.raw[way->tile.n - 1].text = text;
}

/* More announcements than a slab holds, spread over more samples than the lane holds; texts, and samples of two entries. */
static void the_oldest_go_first(void **unused)
{
    (void)unused;
    enum { TILES = 3000, SERIES = 1030, SAMPLES = TILES * TS_TILE_MAX };
    static struct one_way way;
    static struct reader rd;
    static char names[SERIES][8];
    set_up_for(&way, 2 * SERIES, TS_FULL_DROP_OLD, 0);
    ts_router_begin(way.router, 1000 * TS_SEC);
    for (unsigned t = 0, n = 0; t < TILES; t++) {
        way.tile.n = 0;
        put_text(&way);
        while (way.tile.n < TS_TILE_MAX) {
            unsigned name = n / 100 % SERIES;
            snprintf(names[name], sizeof names[name], "s%u", name);
            n++;
            put(&way, names[name], n, n % 7 ? TS_TIME_NONE : 1000 * TS_SEC);
        }
        ts_router_tile(&way.tile, way.router);
        ts_router_flush(way.router, false);
    }
    uint64_t dropped = ts_counter_of(way.cnt, TS_C_DROPPED_RING_FULL);
    read_slabs(&way, &rd);
    assert_true(rd.slabs < TS_LANE_SLABS / 2); /* the rest waits where it can be dropped */
    for (unsigned i = 0; i < 10; i++) {
        ts_router_tick(way.router, (1001 + i) * TS_SEC);
        read_slabs(&way, &rd);
    }
    assert_int_equal(rd.announced, SERIES + 1);
    assert_int_equal(rd.samples + dropped, SAMPLES);
    assert_int_equal(rd.last, TILES * (TS_TILE_MAX - 1)); /* the newest is there */
    assert_true(rd.samples > 40 * TS_SLAB_POINTS * 7 / 8 && dropped > 0);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_RING_FULL), dropped);
    tear_down(&way);
}

static void the_end_comes_behind_the_backlog(void **unused)
{
    (void)unused;
    static struct one_way way;
    static struct reader rd;
    set_up(&way, TS_FULL_DROP_OLD, 0);
    ts_router_begin(way.router, 1000 * TS_SEC);
    for (unsigned t = 0, n = 0; t < 600; t++) { /* less than the lane holds, more than the ring is given */
        for (way.tile.n = 0; way.tile.n < TS_TILE_MAX;)
            put(&way, "a", ++n, TS_TIME_NONE);
        ts_router_tile(&way.tile, way.router);
    }
    ts_router_flush(way.router, false);
    ts_router_end(way.router);
    struct ts_slab *slab = NULL;
    bool ended = false;
    while ((slab = ts_ring_pop(&way.lane.full))) {
        assert_false(ended);
        ended = slab->end;
        for (uint32_t i = 0; i < slab->n; i++) {
            if (slab->points[i].flags & TS_POINT_SERIES)
                ts_free(slab->points[i].announce);
            else
                rd.samples++;
        }
    }
    assert_true(ended);
    assert_int_equal(rd.samples, 600 * TS_TILE_MAX);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_RING_FULL), 0);
    tear_down(&way);
}

static void what_reaches_the_worker(void **unused)
{
    (void)unused;
    static struct one_way way;
    set_up(&way, TS_FULL_DROP_NEW, 0);
    ts_router_begin(way.router, 1000 * TS_SEC);
    put(&way, "a", 1, TS_TIME_NONE);
    put(&way, "a", 2, 900 * TS_SEC);
    put(&way, "a", 3, 1601 * TS_SEC); /* more than 600 s ahead */
    put(&way, "a", 4, INT64_MIN + 2); /* line protocol's first */
    ts_router_tile(&way.tile, way.router);
    ts_router_flush(way.router, false);
    struct ts_slab *slab = ts_ring_pop(&way.lane.full);
    assert_non_null(slab);
    assert_int_equal(slab->n, 4); /* the series, one plain point, one with its time */
    assert_int_equal(slab->points[0].flags, TS_POINT_SERIES);
    ts_free(slab->points[0].announce);
    assert_true(slab->points[1].value == 1 && slab->points[2].value == 2);
    assert_int_equal(slab->points[2].flags, TS_POINT_EXT);
    assert_int_equal(slab->arrival_ns, 1000 * TS_SEC);
    assert_int_equal(slab->max_event_ns, 900 * TS_SEC);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_FUTURE), 1);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_LATE), 1);
    ts_router_tick(way.router, 1000 * TS_SEC + 10 * TS_MS);
    assert_null(ts_ring_pop(&way.lane.full)); /* told of the time only just now */
    ts_router_tick(way.router, 1000 * TS_SEC + 60 * TS_MS);
    slab = ts_ring_pop(&way.lane.full);
    assert_int_equal(slab->n, 0);
    assert_int_equal(slab->arrival_ns, 1000 * TS_SEC + 60 * TS_MS);
    tear_down(&way);
}

/* The worker's end: names of the series announced, in their order; announcements are freed. Slabs go back. */
static unsigned read_lane(struct one_way *way, char names[][64], uint32_t *ids, unsigned *nretired)
{
    static struct ts_series_view view;
    unsigned n = 0;
    *nretired = 0;
    ts_router_flush(way->router, false);
    for (struct ts_slab *slab; (slab = ts_ring_pop(&way->lane.full));) {
        for (uint32_t i = 0; i < slab->n; i++) {
            const struct ts_point *pt = &slab->points[i];
            *nretired += (pt->flags & TS_POINT_RETIRED) != 0;
            if (!(pt->flags & TS_POINT_SERIES))
                continue;
            struct ts_str bytes = {pt->announce->series, pt->announce->len};
            assert_int_equal(ts_series_decode(bytes, &view), 0);
            struct ts_buf text = TS_BUF_INIT;
            ts_series_print(&view, &text);
            snprintf(names[n], 64, "%s", ts_buf_cstr(&text));
            ids[n++] = pt->id;
            ts_buf_fini(&text);
            ts_free(pt->announce);
        }
        assert_true(ts_ring_push(&way->lane.empty, slab));
    }
    return n;
}

/* Ten series are allowed, 16 overflow series beside them. */
static void new_series_past_the_limit(void **unused)
{
    (void)unused;
    static struct one_way way;
    static char names[64][64], text[60][8];
    uint32_t ids[64];
    unsigned nretired;
    set_up(&way, TS_FULL_DROP_NEW, 0);
    ts_router_begin(way.router, 1000 * TS_SEC);
    for (unsigned i = 0; i < 40; i++) {
        snprintf(text[i], sizeof text[i], "s%u", i);
        put(&way, text[i], 1, TS_TIME_NONE);
    }
    put(&way, "s3", 1, TS_TIME_NONE); /* one of those that are there */
    put(&way, "s15", 1, TS_TIME_NONE); /* one that has an overflow series */
    ts_router_tile(&way.tile, way.router);
    assert_int_equal(read_lane(&way, names, ids, &nretired), 26);
    assert_string_equal(names[9], "s9");
    assert_string_equal(names[10], "s10,_overflow=true");
    assert_string_equal(names[25], "s25,_overflow=true");
    assert_int_equal(ts_counter_of(way.cnt, TS_C_OVERFLOWED_SERIES), 17);
    assert_int_equal(ts_counter_of(way.cnt, TS_C_DROPPED_SERIES_LIMIT), 14);
    assert_int_equal(ts_census_count(way.census), 26);
    tear_down(&way);
}

/* What a worker says of ids on a slab that comes back, and that the id is given again, behind its retirement. */
static void idle_keys_are_retired(void **unused)
{
    (void)unused;
    static struct one_way way;
    static char names[8][64];
    uint32_t ids[8];
    unsigned nretired;
    set_up(&way, TS_FULL_DROP_NEW, 0);
    ts_router_begin(way.router, 1000 * TS_SEC);
    put(&way, "a", 1, TS_TIME_NONE);
    put(&way, "b", 1, TS_TIME_NONE);
    ts_router_tile(&way.tile, way.router);
    assert_int_equal(read_lane(&way, names, ids, &nretired), 2);
    uint32_t id_of_a = ids[0];
    for (unsigned twice = 0; twice < 2; twice++) { /* the second time it names nothing */
        struct ts_slab *slab;
        for (unsigned i = 0; i < TS_LANE_SLABS - 1; i++) {
            slab = ts_ring_pop(&way.lane.empty);
            if (i == 0) {
                slab->nidle = 2;
                slab->points[0].id = id_of_a;
                slab->points[1].id = 4711; /* never given */
            }
            assert_true(ts_ring_push(&way.lane.empty, slab));
        }
        way.tile.n = 0;
        put(&way, "b", 1, TS_TIME_NONE);
        unsigned all = 0;
        for (unsigned i = 0; i < TS_LANE_SLABS + 1; i++) {
            ts_router_tile(&way.tile, way.router);
            assert_int_equal(read_lane(&way, names, ids, &nretired), 0);
            all += nretired;
        }
        assert_int_equal(all, !twice);
    }
    way.tile.n = 0;
    put(&way, "c", 1, TS_TIME_NONE);
    put(&way, "a", 1, TS_TIME_NONE);
    put(&way, "b", 1, TS_TIME_NONE);
    ts_router_tile(&way.tile, way.router);
    assert_int_equal(read_lane(&way, names, ids, &nretired), 2);
    assert_string_equal(names[0], "c");
    assert_int_equal(ids[0], id_of_a);
    assert_string_equal(names[1], "a");
    assert_true(ids[1] != id_of_a);
    tear_down(&way);
}

/* Keys come and go at random, beside a plain list of what is there; buckets are at times nearly full. */
static void keys_come_and_go(void **unused)
{
    (void)unused;
    enum { KEYS = 60000, STEPS = 600000 };
    struct ts_intern *in = ts_intern_new();
    uint32_t *id_of = ts_xalloc(KEYS * sizeof *id_of), there = 0, most = 0;
    static char head[400];
    uint64_t random = 88172645463325252u;
    memset(head, 'x', sizeof head);
    for (unsigned step = 0; step < STEPS; step++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        uint32_t i = (uint32_t)(random % KEYS);
        /* First more come, then more go, then more come again. */
        bool come = (random >> 32) % 8 < (step % (STEPS / 2) < STEPS / 4 ? 6u : 2u);
        char number[16];
        memcpy(head, number, (size_t)snprintf(number, sizeof number, "%07u", i));
        struct ts_raw raw = {.head = head, .head_len = 8 + i % 390, .kind = (uint8_t)(i % 3)};
        raw.tail = "";
        struct ts_print print = in->hash(in, &raw);
        uint64_t ref = ts_intern_find(in, print);
        assert_int_equal(ref != 0, id_of[i] != 0);
        if (ref) {
            assert_int_equal(ts_ref_id(ref) + 1, id_of[i]);
            assert_int_equal(ts_ref_worker(ref), i % 200);
            assert_true(ts_intern_by_id(in, ts_ref_id(ref)) == ref);
        }
        if (!ref && come) {
            ref = ts_intern_add(in, print, i % 200);
            id_of[i] = ts_ref_id(ref) + 1;
            there++;
        } else if (ref && !come) {
            ts_intern_remove(in, ts_ref_id(ref));
            assert_true(ts_intern_by_id(in, ts_ref_id(ref)) == 0);
            id_of[i] = 0;
            there--;
        }
        assert_int_equal(in->count, there);
        most = TS_MAX(most, there);
    }
    assert_true(most > KEYS / 2);
    assert_int_equal(in->nids, most); /* ids are given again */
    ts_free(id_of);
    ts_intern_free(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_get_ids_once),
        cmocka_unit_test(keys_in_one_piece),
        cmocka_unit_test(a_full_lane),
        cmocka_unit_test(the_oldest_go_first),
        cmocka_unit_test(the_end_comes_behind_the_backlog),
        cmocka_unit_test(what_reaches_the_worker),
        cmocka_unit_test(new_series_past_the_limit),
        cmocka_unit_test(idle_keys_are_retired),
        cmocka_unit_test(keys_come_and_go),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
