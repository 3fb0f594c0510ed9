/*
 * Time zones from the system's tzdata: TZif files (RFC 8536), versions 2 to 4, with the rule in the footer
 * for times behind the last transition. A zone is read once for a query.
 */
#include "config.h"
#include "flux/exec/exec_interp.h"
#include "flux/exec/exec_time.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define DAY            INT64_C(86400)

/* When one half of the year begins: the POSIX TZ forms Jn, n and Mm.w.d. */
struct rule {
    char form; /* 'J', 'n', 'M' */
    int day, month, week;
    int64_t at_s; /* seconds after midnight, of the clock that ends */
};

struct ts_flux_zone {
    char *name;
    size_t name_bytes;
    uint32_t n;
    int64_t *at;     /* transitions, seconds since 1970 */
    int32_t *offset; /* seconds east of UTC, from each of them on */
    int32_t first;   /* before all of them */
    bool has_rule, has_dst;
    int32_t std, dst;
    struct rule start, end; /* of dst */
    struct ts_flux_zone *next;
};

void ts_flux_zones_free(struct ts_flux_run *run, struct ts_flux_zone **zones)
{
    while (*zones) {
        struct ts_flux_zone *zone = *zones;
        *zones = zone->next;
        ts_flux_mem_free(&run->mem, zone->name, zone->name_bytes);
        ts_flux_mem_free(&run->mem, zone->at, zone->n * sizeof *zone->at);
        ts_flux_mem_free(&run->mem, zone->offset, zone->n * sizeof *zone->offset);
        ts_flux_mem_free(&run->mem, zone, sizeof *zone);
    }
}

static int64_t big_endian(const unsigned char *p, unsigned bytes)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* ---- the footer: std offset dst [offset] , start [/time] , end [/time] ---- */

static bool tz_name(const char **z)
{
    const char *from = *z;
    if (**z == '<') {
        while (**z && **z != '>')
            ++*z;
        *z += **z == '>';
    } else {
        while ((**z >= 'A' && **z <= 'Z') || (**z >= 'a' && **z <= 'z'))
            ++*z;
    }
    return *z > from;
}

static bool tz_number(const char **z, int64_t *out)
{
    const char *from = *z;
    for (*out = 0; **z >= '0' && **z <= '9' && *out < 1000; ++*z)
        *out = *out * 10 + (**z - '0');
    return *z > from;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool tz_time(const char **z, int64_t *out)
{
    int64_t part, unit = 3600;
    int sign = **z == '-' ? -1 : 1;
    *z += **z == '-' || **z == '+';
    for (*out = 0; unit; unit /= 60) {
        if (!tz_number(z, &part))
            return false;
        *out += part * unit;
        if (**z != ':')
            break;
        ++*z;
    }
    *out *= sign;
    return true;
}

static bool tz_rule(const char **z, struct rule *rule)
{
    int64_t a, b, c;
    rule->at_s = 7200;
    if (**z == 'M') {
        ++*z;
        if (!tz_number(z, &a) || *(*z)++ != '.' || !tz_number(z, &b) || *(*z)++ != '.' || !tz_number(z, &c))
            return false;
        if (a < 1 || a > 12 || b < 1 || b > 5 || c > 6)
            return false;
        *rule = (struct rule){'M', (int)c, (int)a, (int)b, 7200};
    } else {
        rule->form = **z == 'J' ? 'J' : 'n';
        *z += **z == 'J';
        if (!tz_number(z, &a) || a > 366)
            return false;
        rule->day = (int)a;
    }
    if (**z == '/') {
        ++*z;
        return tz_time(z, &rule->at_s);
    }
    return true;
}

static void tz_footer(struct ts_flux_zone *zone, const char *z)
{
    int64_t std, dst;
    if (!tz_name(&z) || !tz_time(&z, &std))
        return;
    zone->std = (int32_t)-std;
    dst = std - 3600;
    if (tz_name(&z)) {
        if (*z != ',' && !tz_time(&z, &dst))
            return;
        if (*z++ != ',' || !tz_rule(&z, &zone->start) || *z++ != ',' || !tz_rule(&z, &zone->end))
            return;
        zone->has_dst = true;
    }
    zone->dst = (int32_t)-dst;
    zone->has_rule = true;
}

/* Seconds since 1970 at which a rule comes in a year, on the clock that has `offset`. */
static int64_t rule_at(const struct rule *rule, int64_t year, int32_t offset)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t day = ts_flux_days_of(year, 1, 1);
    if (rule->form == 'J') {
        day += rule->day - 1 + (leap && rule->day >= 60);
    } else if (rule->form == 'n') {
        day += rule->day;
    } else {
        int64_t first = ts_flux_days_of(year, rule->month, 1);
        int64_t next =
            rule->month == 12 ? ts_flux_days_of(year + 1, 1, 1) : ts_flux_days_of(year, rule->month + 1, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;
        day = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
        while (day >= next)
            day -= 7;
    }
    return day * DAY + rule->at_s - offset;
}

/* ---- the file ---- */

/* The counts of a header at p: bytes of the data behind it, with times of `size` bytes. */
static size_t data_bytes(const unsigned char *p, unsigned size)
{
    size_t isutc = (size_t)big_endian(p + 20, 4), isstd = (size_t)big_endian(p + 24, 4),
           leap = (size_t)big_endian(p + 28, 4);
    size_t times = (size_t)big_endian(p + 32, 4), types = (size_t)big_endian(p + 36, 4),
           chars = (size_t)big_endian(p + 40, 4);
    return times * (size + 1) + types * 6 + chars + leap * (size + 4) + isstd + isutc;
}

static bool read_types(struct ts_flux_run *run, struct ts_flux_zone *zone, const unsigned char *p,
                       const unsigned char *h)
{
    uint32_t n = (uint32_t)big_endian(h + 32, 4), types = (uint32_t)big_endian(h + 36, 4);
    const unsigned char *index = p + (size_t)n * 8, *type = index + n;
    if (types == 0)
        return false;
    zone->at = ts_flux_mem_alloc(&run->mem, n * sizeof *zone->at);
    zone->offset = zone->at ? ts_flux_mem_alloc(&run->mem, n * sizeof *zone->offset) : NULL;
    if (!zone->offset) {
        ts_flux_mem_free(&run->mem, zone->at, n * sizeof *zone->at);
        zone->at = NULL;
        return false;
    }
    zone->n = n;
    zone->first = (int32_t)big_endian(type, 4);
    for (uint32_t i = 0; i < n; i++) {
        if (index[i] >= types)
            return false;
        zone->at[i] = big_endian(p + (size_t)i * 8, 8);
        zone->offset[i] = (int32_t)big_endian(type + (size_t)index[i] * 6, 4);
    }
    return true;
}

static bool parse(struct ts_flux_run *run, struct ts_flux_zone *zone, unsigned char *p, size_t len)
{
    if (len < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    size_t skip = 44 + data_bytes(p, 4);
    if (skip > len || len - skip < 44)
        return false;
    const unsigned char *h = p + skip;
    size_t data = data_bytes(h, 8), footer = skip + 44 + data;
    if (data > len || footer > len || !read_types(run, zone, h + 44, h))
        return false;
    if (footer + 1 < len &&
        p[footer] == '\n') { /* ends with a line end, or the file's end with a 0 put there */
        for (size_t i = footer + 1; i < len; i++)
            if (p[i] == '\n')
                p[i] = '\0';
        tz_footer(zone, (char *)p + footer + 1);
    }
    return true;
}

static bool good_name(struct ts_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '_' && c != '-' && c != '+' && !(c == '/' && i > 0))
            return false;
    }
    return name.len > 0 && name.len < 100;
}

static bool load(struct ts_flux_run *run, struct ts_flux_zone *zone, struct ts_str name)
{
    const char *env = getenv("TZDIR");
    struct ts_buf path = TS_BUF_INIT;
    ts_buf_printf(&path, "%s/%.*s", env && *env ? env : "/usr/share/zoneinfo", (int)name.len, name.p);
    const char *z = ts_buf_cstr(&path);
    int fd = z ? open(z, O_RDONLY | O_CLOEXEC) : -1;
    ts_buf_fini(&path);
    if (fd < 0)
        return false;
    unsigned char *p = ts_flux_mem_alloc(&run->mem, FILE_MAX_BYTES);
    ssize_t n = p ? read(fd, p, FILE_MAX_BYTES - 1) : -1;
    close(fd);
    bool good = n > 0 && parse(run, zone, p, (size_t)n + 1);
    ts_flux_mem_free(&run->mem, p, FILE_MAX_BYTES);
    return good;
}

int ts_flux_zone_find(struct ts_flux_run *run, struct ts_str name, const struct ts_flux_zone **out)
{
    struct ts_flux_zone **zones = &run->interp->zones, *zone;
    *out = NULL;
    if (name.len == 0 || ts_str_eq(name, TS_STR("UTC")))
        return 0;
    for (zone = *zones; zone; zone = zone->next)
        if (ts_str_eq(name, ts_str_of(zone->name))) {
            *out = zone;
            return 0;
        }
    if (!good_name(name))
        return ts_flux_fail(run, "unknown time zone %.*s", (int)TS_MIN(name.len, (size_t)100), name.p);
    zone = ts_flux_mem_alloc(&run->mem, sizeof *zone);
    if (!zone)
        return ts_flux_fail_nomem(run);
    zone->next = *zones;
    *zones = zone;
    zone->name_bytes = name.len + 1;
    zone->name = ts_flux_mem_alloc(&run->mem, zone->name_bytes);
    if (!zone->name)
        return ts_flux_fail_nomem(run);
    memcpy(zone->name, name.p, name.len);
    if (!load(run, zone, name))
        return ts_flux_fail(run, "unknown time zone %.*s", (int)name.len, name.p);
    *out = zone;
    return 0;
}

/* The offset at a moment, and from when till when it holds. */
static int32_t offset_by_rule(const struct ts_flux_zone *zone, int64_t t_s, int64_t *from, int64_t *till)
{
    if (!zone->has_dst)
        return zone->std;
    int64_t year = ts_flux_date_of(t_s > INT64_MAX / TS_SEC ? INT64_MAX : t_s * TS_SEC).year;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start = rule_at(&zone->start, y, zone->std), end = rule_at(&zone->end, y, zone->dst);
        int64_t next_start = rule_at(&zone->start, y + 1, zone->std),
                next_end = rule_at(&zone->end, y + 1, zone->dst);
        if (end < start)
            end = next_end;
        if (t_s >= start && t_s < end) {
            *from = TS_MAX(*from, start);
            *till = end;
            return zone->dst;
        }
        if (t_s >= end && t_s < next_start) {
            *from = TS_MAX(*from, end);
            *till = next_start;
            return zone->std;
        }
    }
    return zone->std;
}

static int32_t offset_at(const struct ts_flux_zone *zone, int64_t t_s, int64_t *from, int64_t *till)
{
    uint32_t lo = 0, hi = zone->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (zone->at[mid] <= t_s)
            lo = mid + 1;
        else
            hi = mid;
    }
    *from = lo ? zone->at[lo - 1] : INT64_MIN;
    *till = lo < zone->n ? zone->at[lo] : INT64_MAX;
    if (lo == zone->n && zone->has_rule)
        return offset_by_rule(zone, t_s, from, till);
    return lo ? zone->offset[lo - 1] : zone->first;
}

static int64_t floor_s(int64_t ns)
{
    return ns / TS_SEC - (ns % TS_SEC < 0);
}

int64_t ts_flux_clock_local(const struct ts_flux_clock *clock, int64_t t)
{
    int64_t from, till, offset = clock->zone ? offset_at(clock->zone, floor_s(t), &from, &till) * TS_SEC : 0;
    return (int64_t)((uint64_t)t + (uint64_t)offset + (uint64_t)clock->offset_ns);
}

static bool holds(int64_t s, int32_t offset, int64_t from, int64_t till)
{
    return s - offset >= from && s - offset < till;
}

/* Tries the offset in force at the reading taken as UTC, then its neighbours; the earliest that fits wins. */
int64_t ts_flux_clock_utc(const struct ts_flux_clock *clock, int64_t local)
{
    int64_t utc = (int64_t)((uint64_t)local - (uint64_t)clock->offset_ns), from, till, s = floor_s(utc);
    if (!clock->zone)
        return utc;
    int32_t offset = offset_at(clock->zone, s, &from, &till);
    if (s - offset < from) {
        int64_t jump = from;
        offset = offset_at(clock->zone, from - 1, &from, &till);
        if (!holds(s, offset, from, till))
            return jump * TS_SEC;
    } else if (s - offset >= till) {
        int64_t jump = till;
        offset = offset_at(clock->zone, till, &from, &till);
        if (!holds(s, offset, from, till))
            return jump * TS_SEC;
    }
    if (from != INT64_MIN) {
        int64_t before_from, before_till;
        int32_t before = offset_at(clock->zone, from - 1, &before_from, &before_till);
        if (holds(s, before, before_from, before_till))
            offset = before;
    }
    return utc - offset * TS_SEC;
}

int ts_flux_clock_of(struct ts_flux_run *run, struct ts_flux_value location, struct ts_flux_clock *out)
{
    *out = (struct ts_flux_clock){0};
    if (location.type == TS_FLUX_NONE && ts_flux_option(run, "location", &location) != 0)
        return -TS_EQUERY;
    if (location.type == TS_FLUX_NONE)
        return 0;
    if (location.type != TS_FLUX_RECORD || location.null)
        return ts_flux_fail(run, "a location is a record {zone, offset}, not %s",
                            ts_flux_type_text(location.type));
    const struct ts_flux_value *zone = ts_flux_record_find(location.record, TS_STR("zone"));
    const struct ts_flux_value *offset = ts_flux_record_find(location.record, TS_STR("offset"));
    if ((zone && (zone->type != TS_FLUX_STRING || zone->null)) ||
        (offset && (offset->type != TS_FLUX_DURATION || offset->null)))
        return ts_flux_fail(run, "a location is a record {zone, offset} of a string and a duration");
    if (offset && offset->months)
        return ts_flux_fail(run, "the offset of a location has no months");
    out->offset_ns = offset ? offset->i : 0;
    return zone ? ts_flux_zone_find(run, ts_flux_value_str(*zone), &out->zone) : 0;
}
