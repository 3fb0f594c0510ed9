/* Every class of configuration error: its exact position, what is wrong, and the remedy. */
#include "config.h"
#include "core/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DURATION(from, to) "give a duration from " from " to " to ", such as 10s"
#define LISTEN_URL                                                                                           \
    "give udp://HOST:PORT, tcp://HOST:PORT, unix:///PATH or unixgram:///PATH, such as udp://127.0.0.1:8125"
#define AGGREGATES                                                                                           \
    "there are quantiles such as p50 and p99.9, and: count, sum, min, max, mean, stddev, last, rate, "       \
    "distinct, "                                                                                             \
    "variance, first, range, increase, median, sketch, histogram, completeness"

struct example {
    const char *name, *yaml;
    const char *errors; /* without the file's name and the colon behind it in each line */
};

static const struct example examples[] = {
    {"unknown key at the top", "state_dir: /x\nsinsk: {}\n",
     "2:1: unknown key \"sinsk\"; did you mean \"sinks\"? known here: state_dir, workers, snapshot, idle_after, "
     "correct_for, future, "
     "keep_gauges, log_level, timezone, listen, http, limits, store, events, self, journal, pipeline, rollups, sinks\n"},
    {"unknown key like none", "limits:\n  disk: 2GiB\n",
     "2:3: unknown key \"disk\"; known here: series, tag_values, memory, expire, queries, query_memory, query_time\n"},
    {"unknown key in a flow mapping", "rollups: [{name: a, evry: 10s, every: 10s}]\n",
     "1:21: unknown key \"evry\"; did you mean \"every\"? known here: name, match, match_tags, keep_original, "
     "group_by, without, every, "
     "period, session, session_max, lateness, late, aggregates, sketch_buckets, buckets, stddev, measurement, tags, to, bucket\n"},
    {"option of another sink type", "sinks:\n  a:\n    type: file\n    url: http://h\n",
     "4:5: url does not belong to a sink of type file; known here: type, path, batch, flush_interval, "
     "retry_min, retry_max\n"},
    {"a scalar for a mapping", "http: 127.0.0.1:80\n",
     "1:7: http is a single value; give a mapping of options\n"},
    {"a list for a scalar", "workers: [1]\n",
     "1:10: workers is a list; give a whole number from 1 to 64, or auto\n"},
    {"a mapping for a list", "listen: {url: x}\n",
     "1:9: listen is a mapping; give a list, such as [{url: \"udp://127.0.0.1:8125\"}]\n"},
    {"a scalar for a list of names", "rollups: [{name: a, every: 1s, to: file}]\n",
     "1:36: to is a single value; give a list of one or more, such as [file]\n"},
    {"a list in a list of names", "rollups: [{name: a, every: 1s, to: [[store]]}]\n",
     "1:37: to: an entry is a list; give a name\n"},
    {"nothing for a value", "limits:\n  series:\n",
     "2:10: series is empty; give a whole number from 1 to 100000000\n"},
    {"nothing for a section", "http:\n", "1:6: http is empty; give a mapping of options\n"},
    {"an empty list", "rollups: []\n",
     "1:10: rollups is empty; give a list, such as [{name: raw10s, every: 10s}]\n"},
    {"not a number", "workers: many\n",
     "1:10: workers: \"many\" is not a whole number; give a whole number from 1 to 64, or auto\n"},
    {"a fraction", "workers: 1.5\n",
     "1:10: workers: \"1.5\" is not a whole number; give a whole number from 1 to 64, or auto\n"},
    {"a negative number", "limits: {series: -1}\n",
     "1:18: series: \"-1\" is not a whole number; give a whole number from 1 to 100000000\n"},
    {"too large", "workers: 65\n",
     "1:10: workers: \"65\" is too large; give a whole number from 1 to 64, or auto\n"},
    {"beyond 64 bits", "limits: {series: 99999999999999999999}\n",
     "1:18: series: \"99999999999999999999\" is too large; give a whole number from 1 to 100000000\n"},
    {"too small", "workers: 0\n",
     "1:10: workers: \"0\" is too small; give a whole number from 1 to 64, or auto\n"},
    {"no unit", "idle_after: 10\n", "1:13: idle_after: \"10\" has no unit; " DURATION("100ms", "1h") "\n"},
    {"bad unit", "idle_after: 10x\n",
     "1:13: idle_after: \"10x\" is not a duration; " DURATION("100ms", "1h") "\n"},
    {"window of no length", "rollups: [{name: a, every: 0s}]\n",
     "1:28: every: \"0s\" is too small; " DURATION("100ms", "1d") ", or 1d, 1w, 1mo or 1y of the calendar\n"},
    {"window below a nanosecond", "rollups: [{name: a, every: 0.4ns}]\n",
     "1:28: every: \"0.4ns\" is too small; " DURATION("100ms", "1d") ", or 1d, 1w, 1mo or 1y of the calendar\n"},
    {"lateness too long", "rollups: [{name: a, every: 1s, lateness: 2h}]\n",
     "1:42: lateness: \"2h\" is too large; " DURATION("0s", "1h") "\n"},
    {"bad size", "listen: [{url: \"udp://:1\", rcvbuf: 4Mib}]\n",
     "1:36: rcvbuf: \"4Mib\" is not a size; give a size from 4KiB to 1GiB, such as 4MiB\n"},
    {"bad bool", "sinks: {a: {type: influxdb, url: \"http://h\", org: o, bucket: b, gzip: maybe}}\n",
     "1:71: gzip: \"maybe\" will not do; give false or true\n"},
    {"bad choice", "listen: [{url: \"udp://:1\", format: graphite}]\n",
     "1:36: format: \"graphite\" will not do; give auto, statsd or influx\n"},
    {"bad template",
     "listen:\n  - url: udp://:1\n    templates: [host.measurement, \"x* measurement\", \"a.b\"]\n",
     "3:35: templates: \"x* measurement\": \"x*\" in its filter is part of a word; give a word, or * for any "
     "one\n"
     "3:53: templates: \"a.b\": it names no measurement; make one of its words measurement or "
     "measurement*\n"},
    {"two templates for the same names",
     "listen: [{url: \"udp://:1\", templates: [host.measurement, measurement]}]\n",
     "1:58: templates: \"measurement\" has the filter of another template; keep one of them\n"},
    {"templates where no statsd lines come",
     "listen: [{url: \"udp://:1\", format: influx, templates: [measurement]}]\n",
     "1:55: templates: only statsd lines have use for it; remove it, or give format: auto\n"},
    {"origin tags likewise", "listen: [{url: \"udp://:1\", format: influx, origin_tags: yes}]\n",
     "1:57: origin_tags: only statsd lines have use for it; remove it, or give format: auto\n"},
    {"a joiner alone", "listen: [{url: \"udp://:1\", template_joiner: _}]\n",
     "1:45: template_joiner without templates; give both or none\n"},
    {"a single template", "listen: [{url: \"udp://:1\", templates: measurement}]\n",
     "1:39: templates is a single value; give a list of one or more, such as [measurement]\n"},
    {"self too often", "self: 10ms\n", "1:7: every: \"10ms\" is too small; give a duration from 1s to 1d, such as 10s, or off\n"},
    {"self to an unknown sink", "self: {every: 10s, to: [stor]}\n",
     "1:25: to: unknown sink \"stor\"; did you mean \"store\"? there are: store\n"},
    {"self with a tag that is none", "self: {every: 10s, tags: [env]}\n",
     "1:27: tags: \"env\" is not KEY=VALUE; give a tag and its value, such as region=eu\n"},
    {"self that is a list", "self: [10s]\n", "1:7: self is a list; give a mapping of options\n"},
    {"events to an unknown sink", "events: {to: [stor]}\n",
     "1:15: to: unknown sink \"stor\"; did you mean \"store\"? there are: store\n"},
    {"bad log level", "log_level: loud\n",
     "1:12: log_level: \"loud\" will not do; give debug, info, warn or error\n"},
    {"unknown sink type", "sinks:\n  a: {type: influx}\n",
     "2:13: type: \"influx\" will not do; give influxdb, influxdb1, file or store\n"},
    {"unknown aggregate", "rollups:\n  - name: a\n    every: 1s\n    aggregates: [count, avg]\n",
     "4:25: aggregates: unknown aggregate \"avg\"; " AGGREGATES "\n"},
    {"unknown aggregate like one", "rollups: [{name: a, every: 1s, aggregates: [sdtdev, Count]}]\n",
     "1:45: aggregates: unknown aggregate \"sdtdev\"; did you mean \"stddev\"? " AGGREGATES "\n"
     "1:53: aggregates: unknown aggregate \"Count\"; did you mean \"count\"? " AGGREGATES "\n"},
    {"no quantile", "rollups: [{name: a, every: 1s, aggregates: [p99.9, p0, p100.0]}]\n",
     "1:52: aggregates: \"p0\" is no quantile; give one between p0 and p100 with up to four decimals, such "
     "as p99.9, or min or max\n"
     "1:56: aggregates: \"p100.0\" is no quantile; give one between p0 and p100 with up to four decimals, "
     "such as p99.9, or min or max\n"},
    {"too many quantiles",
     "rollups: [{name: a, every: 1s, aggregates: [p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p12, p13, "
     "p14, p15, p16, p17]}]\n",
     "1:44: aggregates: more than 16 quantiles; give a list, such as [count, mean, p99.9]\n"},
    {"buckets without histogram", "rollups: [{name: a, every: 1s, aggregates: [sum], buckets: [1]}]\n",
     "1:60: buckets without histogram among the aggregates; give both or none\n"},
    {"histogram without buckets", "rollups: [{name: a, every: 1s, aggregates: [histogram]}]\n",
     "1:44: aggregates: histogram without buckets; give buckets, such as [exponential, 1, 2, 10]\n"},
    {"unknown time zone", "timezone: Europe/Wien\n",
     "1:11: timezone: there is no \"Europe/Wien\" among the system's time zones; give one such as Europe/Vienna, or UTC\n"},
    {"months that overlap", "rollups: [{name: a, every: 1mo, period: 1h}]\n",
     "1:41: period beside every: 1d, 1w, 1mo or 1y: windows of the calendar do not overlap; remove it, or give every: 24h\n"},
    {"an aggregate twice", "rollups: [{name: a, every: 1s, aggregates: [sum, sum]}]\n",
     "1:50: aggregates: \"sum\" twice; keep one of them\n"},
    {"unknown sink",
     "sinks: {influx: {type: file}, other: {type: file, path: x}}\nrollups: [{name: a, every: 1s, to: "
     "[inflx]}]\n",
     "2:37: to: unknown sink \"inflx\"; did you mean \"influx\"? there are: influx, other\n"},
    {"duplicate rollup",
     "sinks: {a: {type: file, path: a}, b: {type: file, path: b}}\n"
     "rollups:\n  - {name: x, every: 1s, to: [a]}\n  - {name: x, every: 2s, to: [b]}\n",
     "4:12: name: a second rollup \"x\"; give it another name\n"},
    {"duplicate sink", "sinks:\n  a: {type: file}\n  a: {type: file}\n",
     "3:3: duplicate key \"a\", first in line 2; keep one of them\n"},
    {"two rules to one sink", "rollups:\n  - {name: x, every: 1s}\n  - {name: y, every: 1s, to: [store]}\n",
     "3:30: to: rollups x and y both write to sink store, where their points would replace each other; give "
     "one a measurement, tags, a bucket or a sink of its own, or each a match that excludes the other\n"},
    {"a bucket where there are none", "rollups: [{name: a, every: 1s, bucket: b}]\nsinks: {f: {type: file}}\n",
     "1:40: bucket: rollup a goes to no sink of type influxdb or store, and others have no buckets; remove it, or name such a sink in to\n"},
    {"a bucket that another sink has",
     "sinks:\n  x: {type: store, bucket: p}\n  y: {type: store, bucket: q}\nrollups: [{name: a, every: 1s, bucket: q, to: [x]}]\n",
     "3:28: sinks y and x.q write to the same place; let the rollup with this bucket go to this sink\n"},
    {"two rollups in one bucket",
     "sinks: {x: {type: store, bucket: p}}\nrollups:\n  - {name: a, every: 1s, bucket: q}\n  - {name: b, every: 2s, bucket: r}\n"
     "  - {name: c, every: 3s, bucket: q, to: [x]}\n",
     "5:41: to: rollups a and c both write to sink x.q, where their points would replace each other; give "
     "one a measurement, tags, a bucket or a sink of its own, or each a match that excludes the other\n"},
    {"both ways to say a group", "rollups: [{name: a, every: 1s, group_by: [x], without: [y]}]\n",
     "1:56: without beside group_by: one names the tags that stay, the other those that go; remove one\n"},
    {"kinds that cannot be added up", "rollups:\n  - {name: a, every: 1s, without: [x, metric_type]}\n",
     "2:39: without: metric_type tells counters, gauges, timings and sets apart, which cannot be added up; remove it\n"},
    {"a tag twice", "rollups: [{name: a, every: 1s, group_by: [x, x]}]\n",
     "1:46: group_by: \"x\" twice; keep one of them\n"},
    {"no tag left out", "rollups: [{name: a, every: 1s, without: []}]\n",
     "1:41: without is an empty list; give a list of one or more, such as [a, b]\n"},
    {"a bad regular expression", "rollups:\n  - name: a\n    every: 1s\n    match: '/^(a/'\n",
     "4:12: match: \"/^(a/\" is no regular expression: missing closing parenthesis, at byte 4 of it; correct it, or write a "
     "pattern of * and ? without slashes around it\n"},
    {"a bad regular expression for a tag", "rollups: [{name: a, every: 1s, match_tags: [h=x, 'k=/[/']}]\n",
     "1:50: match_tags: \"/[/\" is no regular expression: missing terminating ] for character class, at byte 2 of it; correct it, "
     "or write a pattern of * and ? without slashes around it\n"},
    {"a rollup that gets nothing",
     "rollups:\n  - {name: x, every: 1s, match: a*, keep_original: false}\n  - {name: y, every: 1s, match: a*, measurement: m}\n",
     "3:33: rollup y gets nothing: x stands before it, matches all that it could and has keep_original: false; put it first, or "
     "narrow the match of x\n"},
    {"regular expressions that may match the same",
     "rollups:\n  - {name: x, every: 1s, match: /^a/}\n  - {name: y, every: 1s, match: b*, to: [store]}\n",
     "3:41: to: rollups x and y both write to sink store, where their points would replace each other; give "
     "one a measurement, tags, a bucket or a sink of its own, or each a match that excludes the other\n"},
    {"groups of different series that are called the same",
     "rollups:\n  - {name: x, every: 1s, match: a*, measurement: m, group_by: [k]}\n"
     "  - {name: y, every: 1s, match: b*, measurement: m, group_by: [k], to: [store]}\n",
     "3:72: to: rollups x and y both write to sink store, where their points would replace each other; give "
     "one a measurement, tags, a bucket or a sink of its own, or each a match that excludes the other\n"},
    {"rules that may match the same series",
     "rollups:\n  - {name: x, every: 1s, match: \"a*\"}\n  - {name: y, every: 1s, match: \"*b\", to: [store]}\n",
     "3:43: to: rollups x and y both write to sink store, where their points would replace each other; give "
     "one a measurement, tags, a bucket or a sink of its own, or each a match that excludes the other\n"},
    {"a period shorter than every", "rollups: [{name: a, every: 10s, period: 5s}]\n",
     "1:41: period is shorter than every (10s): samples between two windows would be in none; give 10s or more\n"},
    {"windows that do not divide", "rollups: [{name: a, every: 10s, period: 25s}]\n",
     "1:41: period is no multiple of every (10s); give one\n"},
    {"neither windows nor sessions", "rollups:\n  - name: a\n",
     "2:5: every is missing; give the length of a window, such as 10s, or for sessions session: 30s\n"},
    {"a gap of nothing", "rollups: [{name: a, session: 0s}]\n", "1:30: session: \"0s\" is too small; " DURATION("1ms", "1d") "\n"},
    {"sessions and windows", "rollups: [{name: a, session: 30s, every: 10s}]\n",
     "1:42: every beside session: a session is as long as its samples make it; keep one of them\n"},
    {"sessions and completeness", "rollups: [{name: a, session: 30s, aggregates: [count, completeness]}]\n",
     "1:47: aggregates: completeness beside session: it is of windows, which a session is none of; remove one of them\n"},
    {"sessions and a period", "rollups: [{name: a, session: 30s, period: 10s}]\n",
     "1:43: period beside session: a session is as long as its samples make it; keep one of them\n"},
    {"sessions shorter than their gap", "rollups:\n  - name: a\n    session: 1m\n    session_max: 30s\n",
     "4:18: session_max is shorter than session (1m), the gap in a session; give 1m or more\n"},
    {"a longest session without sessions", "rollups: [{name: a, every: 10s, session_max: 1h}]\n",
     "1:46: session_max without session; give both or none\n"},
    {"too many sessions at once", "rollups: [{name: a, session: 1s, lateness: 20m}]\n",
     "1:44: lateness is more than 1000 times session (1s), and so many sessions of a series would be open; give a shorter one\n"},
    {"too many windows at once", "rollups: [{name: a, every: 1s, period: 1001s}]\n",
     "1:40: period is more than 1000 times every (1s); give a shorter one, or a longer every\n"},
    {"a brace in a measurement", "rollups: [{name: a, every: 1s, measurement: \"x{tag}\"}]\n",
     "1:45: measurement: \"x{tag}\" has a brace that does not begin {name}; write it as in \"{name}_1m\"\n"},
    {"a tag without a value", "rollups: [{name: a, every: 1s, tags: [\"b=\", c]}]\n",
     "1:39: tags: \"b=\" is not KEY=VALUE; give a tag and its value, such as region=eu\n"
     "1:45: tags: \"c\" is not KEY=VALUE; give a tag and its value, such as region=eu\n"},
    {"a condition twice", "rollups: [{name: a, every: 1s, match_tags: [b=1, b=2]}]\n",
     "1:50: match_tags: tag b twice; keep one of them\n"},
    {"two sinks to one place", "sinks:\n  a: {type: file, path: p}\n  b: {path: p, type: file}\n",
     "3:22: sinks a and b write to the same place; remove one, or give it another target\n"},
    {"missing in a list", "rollups:\n  - every: 10s\n",
     "2:5: name is missing; give a name of 1 to 63 letters, digits, _ and -\n"},
    {"missing type", "sinks:\n  a: {}\n", "2:3: type is missing; give influxdb, influxdb1, file or store\n"},
    {"missing for influxdb", "sinks:\n  a: {type: influxdb}\n",
     "2:3: url is missing; give http://HOST:PORT or https://HOST:PORT without user and query, such as "
     "http://127.0.0.1:8086\n"
     "2:3: org is missing; give text\n2:3: bucket is missing; give text\n"},
    {"missing for influxdb1", "sinks:\n  a: {type: influxdb1, url: \"http://h\"}\n",
     "2:3: database is missing; give text\n"},
    {"empty bucket", "sinks:\n  a: {type: influxdb, url: \"http://h\", org: o, bucket: \"\"}\n",
     "2:56: bucket is empty; give text\n"},
    {"url scheme", "sinks:\n  a: {type: influxdb1, url: \"udp://h\", database: d}\n",
     "2:29: url: \"udp://h\" will not do; give http://HOST:PORT or https://HOST:PORT without user and query, "
     "such as "
     "http://127.0.0.1:8086\n"},
    {"url with a user", "sinks:\n  a: {type: influxdb1, url: \"http://u:p@h\", database: d}\n",
     "2:29: url: \"http://u:<hidden>@h\" will not do; give http://HOST:PORT or https://HOST:PORT without user and "
     "query, such as "
     "http://127.0.0.1:8086\n"},
    {"listen scheme", "listen: [{url: \"sctp://127.0.0.1:1\"}]\n",
     "1:16: url: \"sctp://127.0.0.1:1\" will not do; " LISTEN_URL "\n"},
    {"listen path", "listen: [{url: \"unix://a/b\"}, {url: \"unixgram:///a/\"}, {url: \"tcp:///a\"}]\n",
     "1:16: url: \"unix://a/b\" will not do; " LISTEN_URL "\n"
     "1:37: url: \"unixgram:///a/\" will not do; " LISTEN_URL "\n"
     "1:62: url: \"tcp:///a\" will not do; " LISTEN_URL "\n"},
    {"option of another transport", "listen:\n  - url: \"tcp://:1\"\n    rcvbuf: 1MiB\n",
     "3:5: rcvbuf does not belong to a listener of tcp; known here: url, format, signed_gauges, templates, "
     "template_joiner, origin_tags, when_full, "
     "connections, idle_timeout, allow, rate_limit, burst, certificate, key, client_ca, handshake_timeout\n"},
    {"address range", "listen: [{url: \"tcp://:1\", allow: [127.0.0.1, 10.0.0.0/33, \"::1/\"]}]\n",
     "1:47: allow: \"10.0.0.0/33\" is no range of addresses; give ADDRESS or ADDRESS/BITS, such as "
     "10.0.0.0/8\n"
     "1:60: allow: \"::1/\" is no range of addresses; give ADDRESS or ADDRESS/BITS, such as 10.0.0.0/8\n"},
    {"address ranges of a path", "listen: [{url: \"unix:///a\", allow: [127.0.0.1]}]\n",
     "1:29: allow does not belong to a listener of unix; known here: url, format, signed_gauges, templates, "
     "template_joiner, origin_tags, when_full, "
     "connections, idle_timeout, framing, mode, rate_limit, burst\n"},
    {"burst alone", "listen: [{url: \"udp://:1\", burst: 5}]\n",
     "1:35: burst without rate_limit; give both or none\n"},
    {"certificate alone", "listen: [{url: \"tcp://:1\", certificate: /a}]\nhttp: {key: /b}\n",
     "1:41: certificate without key; give both or none\n"
     "2:13: key without certificate; give both or none\n"},
    {"authority without certificate", "listen: [{url: \"tcp://:1\", client_ca: /a}]\n",
     "1:39: client_ca without certificate: clients have certificates in TLS alone; give certificate and key\n"},
    {"keys that are none", "listen: [{url: \"udp://:1\", hmac_keys: [\"1:fifteen letters\", \"x:sixteen letters!\"]}]\n",
     "1:40: hmac_keys: entry 1 is no key; give ID:SECRET, a number and at least 16 characters without commas, such as "
     "\"1:${TSAGG_KEY}\"\n"
     "1:61: hmac_keys: entry 2 is no key; give ID:SECRET, a number and at least 16 characters without commas, such as "
     "\"1:${TSAGG_KEY}\"\n"},
    {"a key that is a list", "listen: [{url: \"udp://:1\", hmac_keys: [[\"1:sixteen letters!\"]]}]\n",
     "1:40: hmac_keys: an entry is a list; give a single value\n"},
    {"a printed key", "listen: [{url: \"udp://:1\", hmac_keys: [\"1:<hidden>\"]}]\n",
     "1:40: hmac_keys: entry 1 has \"<hidden>\", which --print-config writes in a secret's place; give the secret itself, "
     "or \"${NAME}\" for an environment variable\n"},
    {"a key twice", "listen: [{url: \"udp://:1\", hmac_keys: [\"1:sixteen letters!\", \"01:sixteen letters.\"]}]\n",
     "1:62: hmac_keys: key 1 twice; give each a number of its own\n"},
    {"a key that is no list", "listen: [{url: \"udp://:1\", hmac_keys: \"1:sixteen letters!\"}]\n",
     "1:39: hmac_keys is a single value; give a list of one or more, such as [\"1:${TSAGG_KEY}\"]\n"},
    {"file mode", "listen: [{mode: 0668, url: \"unix:///a\"}, {mode: 1777, url: \"unix:///b\"}]\n",
     "1:17: mode: \"0668\" is not an octal number; give an octal number from 0000 to 0777, such as 0660\n"
     "1:49: mode: \"1777\" is too large; give an octal number from 0000 to 0777, such as 0660\n"},
    {"path twice", "listen: [{url: \"unix:///a\"}, {url: \"unixgram:///a\"}]\n",
     "1:36: url: unixgram:///a is listened on already; use another path\n"},
    {"listen port", "listen: [{url: \"udp://127.0.0.1:65536\"}]\n",
     "1:16: url: \"udp://127.0.0.1:65536\" will not do; " LISTEN_URL "\n"},
    {"listen address twice",
     "listen:\n  - {url: \"udp://127.0.0.1:81\"}\n  - {url: \"udp://localhost:81\"}\n",
     "3:11: url: udp://localhost:81 is listened on already; use another port, or with udp sockets: 2 "
     "for more threads\n"},
    {"no token outside of loopback", "http: {address: \"0.0.0.0:80\"}\n",
     "1:17: address: 0.0.0.0:80 can be reached from outside and there is no token; give http.token, or "
     "listen on 127.0.0.1\n"},
    {"bad address", "http: {address: \"127.0.0.1\"}\n",
     "1:17: address: \"127.0.0.1\" will not do; give HOST:PORT, such as 127.0.0.1:8186 or [::1]:8186\n"},
    {"a printed secret", "http: {token: \"<hidden>\"}\n",
     "1:15: token is \"<hidden>\", which --print-config writes in a secret's place; give the secret itself, "
     "or \"${NAME}\" for an "
     "environment variable\n"},
    {"a password in a URL is not shown",
     "sinks: {a: {type: influxdb, org: o, bucket: b, url: \"http://me:swordfish@h\", proxy: \"htp://me:sword@fish@p\"}}\n",
     "1:53: url: \"http://me:<hidden>@h\" will not do; give http://HOST:PORT or https://HOST:PORT without user and query, such as "
     "http://127.0.0.1:8086\n"
     "1:85: proxy: \"htp://me:<hidden>@p\" will not do; give http://[USER:PASSWORD@]HOST:PORT, https://, socks4://, socks4a://, "
     "socks5:// or socks5h://, or none\n"},
    {"a printed password", "sinks: {a: {type: influxdb, org: o, bucket: b, url: \"http://h\", proxy: \"http://me:<hidden>@p\"}}\n",
     "1:72: proxy: \"http://me:<hidden>@p\" will not do; give http://[USER:PASSWORD@]HOST:PORT, https://, socks4://, socks4a://, "
     "socks5:// or socks5h://, or none\n"},
    {"a bad secret is not shown", "http: {token: \"s\\x01\"}\n",
     "1:15: token: \"<hidden>\" has control characters or is not UTF-8; give the secret itself, or "
     "\"${NAME}\" for an environment "
     "variable\n"},
    {"control characters", "state_dir: \"a\\nb\"\n",
     "1:12: state_dir: \"a\\x0ab\" has control characters or is not UTF-8; give a path\n"},
    {"sink name", "sinks: {\"a b\": {type: file}}\n",
     "1:9: sink: \"a b\" will not do; give a name of 1 to 63 letters, digits, _ and -\n"},
    {"retries", "sinks: {a: {type: file, retry_min: 2m}}\n",
     "1:36: retry_min is longer than retry_max; give a shorter one\n"},
    {"password alone", "sinks: {a: {type: influxdb1, url: \"http://h\", database: d, password: p}}\n",
     "1:70: password without username; give both or none\n"},
    {"unset variable", "http:\n  token: \"${TSAGG_TEST_UNSET}\"\n",
     "2:10: environment variable TSAGG_TEST_UNSET is not set; set it, or write the value here\n"},
    {"open variable", "state_dir: /a${B\n",
     "1:12: \"${\" without a name and \"}\"; write ${NAME} for an environment variable, $${ for the "
     "characters themselves\n"},
    {"duplicate key", "workers: 1\nworkers: 2\n",
     "2:1: duplicate key \"workers\", first in line 1; keep one of them\n"},
    {"a list at the top", "- a\n",
     "1:1: the configuration is a list; give a mapping, such as state_dir: /var/lib/tsagg\n"},
    {"several documents", "workers: 1\n---\nworkers: 2\n",
     "2:1: a second document; put all of it into one\n"},
    {"a key that is a list", "? [a]\n: b\n", "1:3: a key that is a list or a mapping; write a plain word\n"},
    {"syntax: bracket", "listen: [{url: a}\nhttp: {}\n",
     "2:1: no YAML: did not find expected ',' or ']' while parsing a flow sequence; check indentation, "
     "quotes and brackets up to "
     "here\n"},
    {"syntax: indentation", "http:\n  address: a\n token: b\n",
     "3:2: no YAML: did not find expected key while parsing a block mapping; check indentation, quotes and "
     "brackets up to here\n"},
    {"syntax: unknown anchor", "http: *x\n",
     "1:7: no YAML: found undefined alias; check indentation, quotes and brackets up to here\n"},
    {"syntax: not text", "a: b\nworkers: \xff\n",
     "2:10: no YAML: invalid leading UTF-8 octet; the file must be UTF-8 text\n"},
    {"several at once, in the file's order of lines", "limits: {series: x}\nworkers: 0\n",
     "1:18: series: \"x\" is not a whole number; give a whole number from 1 to 100000000\n"
     "2:10: workers: \"0\" is too small; give a whole number from 1 to 64, or auto\n"},
};

static char file[] = "/tmp/test_conf_XXXXXX";

static void write_file(const char *text, size_t len)
{
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    fclose(f);
}

static void examples_are_told(void **state)
{
    (void)state;
    unsetenv("TSAGG_TEST_UNSET");
    unsigned bad = 0;
    for (size_t i = 0; i < TS_ARRAY_SIZE(examples); i++) {
        struct ts_buf got = TS_BUF_INIT, want = TS_BUF_INIT;
        struct ts_conf *conf;
        write_file(examples[i].yaml, strlen(examples[i].yaml));
        int rc = ts_conf_load(file, NULL, 0, &conf, &got);
        for (const char *p = examples[i].errors; *p; p = strchr(p, '\n') + 1)
            ts_buf_printf(&want, "%s:%.*s\n", file, (int)(strchr(p, '\n') - p), p);
        if (rc != -TS_ECONF || conf || !ts_str_eq(ts_buf_str(&got), ts_buf_str(&want))) {
            print_error("%s: rc %d\n got  %s want %s", examples[i].name, rc, ts_buf_cstr(&got),
                        ts_buf_cstr(&want));
            bad++;
        }
        ts_buf_fini(&got);
        ts_buf_fini(&want);
        ts_conf_free(&conf);
    }
    assert_int_equal(bad, 0);
}

static unsigned count_lines(const struct ts_buf *buf)
{
    unsigned n = 0;
    for (size_t i = 0; i < buf->len; i++)
        n += buf->p[i] == '\n';
    return n;
}

static void twenty_are_enough(void **state)
{
    struct ts_buf yaml = TS_BUF_INIT, errors = TS_BUF_INIT;
    struct ts_conf *conf;
    (void)state;
    for (unsigned i = 0; i < 50; i++)
        ts_buf_printf(&yaml, "unknown%u: 1\n", i);
    write_file(yaml.p, yaml.len);
    assert_int_equal(ts_conf_load(file, NULL, 0, &conf, &errors), -TS_ECONF);
    assert_int_equal(count_lines(&errors), 20);
    ts_buf_fini(&yaml);
    ts_buf_fini(&errors);
}

/* Nine lists of nine aliases each would be 9^9 values. */
static void aliases_do_not_explode(void **state)
{
    struct ts_buf yaml = TS_BUF_INIT, errors = TS_BUF_INIT;
    struct ts_conf *conf;
    (void)state;
    ts_buf_puts(&yaml, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for (unsigned i = 1; i < 9; i++)
        ts_buf_printf(&yaml, "a%u: &a%u [*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u,*a%u]\n", i, i, i - 1, i - 1,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    write_file(yaml.p, yaml.len);
    assert_int_equal(ts_conf_load(file, NULL, 0, &conf, &errors), -TS_ECONF);
    assert_non_null(strstr(ts_buf_cstr(&errors), "too many values; use fewer aliases"));
    ts_buf_clear(&errors);
    write_file("a: &a [*a]\n", 11);
    assert_int_equal(ts_conf_load(file, NULL, 0, &conf, &errors), -TS_ECONF);
    assert_non_null(strstr(ts_buf_cstr(&errors), "nested too deeply"));
    ts_buf_fini(&yaml);
    ts_buf_fini(&errors);
}

static void unreadable_files(void **state)
{
    struct ts_buf errors = TS_BUF_INIT;
    struct ts_conf *conf;
    (void)state;
    assert_int_equal(ts_conf_load("/nonexistent/x.yaml", NULL, 0, &conf, &errors), -TS_EIO);
    assert_string_equal(
        ts_buf_cstr(&errors),
        "/nonexistent/x.yaml: cannot be read: No such file or directory; give a readable YAML file\n");
    ts_buf_clear(&errors);
    assert_int_equal(ts_conf_load("/", NULL, 0, &conf, &errors), -TS_EIO);
    assert_string_equal(ts_buf_cstr(&errors),
                        "/: cannot be read: Is a directory; give a readable YAML file\n");
    ts_buf_fini(&errors);
}

/* Whatever a damaged file says, it is read or refused; the sanitizers watch. */
static void damaged_files(void **state)
{
    static const char good[] =
        "listen: [{url: \"udp://:1\", rcvbuf: 4MiB}]\nrollups:\n  - &r {name: a, every: 1s, to: [f]}\n"
        "sinks: {f: {type: file, path: \"${HOME}/x\"}}\n",
                      damage[] = "\0\xff[{:\"'&*-#\n \t!|%";
    (void)state;
    for (size_t i = 0; i < sizeof good - 1; i++) {
        for (size_t k = 0; k < sizeof damage - 1; k++) {
            struct ts_buf errors = TS_BUF_INIT;
            struct ts_conf *conf;
            char text[sizeof good];
            memcpy(text, good, sizeof good);
            text[i] = damage[k];
            write_file(text, sizeof good - 1);
            int rc = ts_conf_load(file, NULL, 0, &conf, &errors);
            assert_true((rc == 0) == (conf != NULL) && (rc == 0) == (errors.len == 0));
            ts_conf_free(&conf);
            ts_buf_fini(&errors);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_are_told),      cmocka_unit_test(twenty_are_enough),
        cmocka_unit_test(aliases_do_not_explode), cmocka_unit_test(unreadable_files),
        cmocka_unit_test(damaged_files),
    };
    int fd = mkstemp(file);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file);
    return failed;
}
