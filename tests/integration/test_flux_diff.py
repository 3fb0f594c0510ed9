#!/usr/bin/env python3
"""Queries that people write, asked of InfluxDB 2.7 and of tsagg-query --local over the same points.

Answers must be the same: tables and their order, columns, their types and which are of the group key, rows and their order;
floats within 1e-9 of each other, since sums are taken in another order. The order of columns counts in the files of ORDERED;
elsewhere InfluxDB's own depends on the day. Where one ends with an error, so must the other. What is
meant to differ stands in flux_diff/deviations; one that no longer differs is an error.
"""
import csv
import io
import json
import math
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
from tsagg_test import runner
from tsagg_test.daemon import tool
from tsagg_test.influx import HttpError, Influx2
from tsagg_test.times import NS, from_rfc3339

QUERIES = pathlib.Path(__file__).resolve().parent / "flux_diff"
ORDERED = {"aggregate", "group", "read"}
HOSTS = [("alpha", "eu"), ("beta", "eu"), ("gamma", "us"), ("delta", None)]
MINUTE = 60 * NS


def cpu_lines():
    """Two days over Berlin's change of clocks, every ten minutes; gamma is silent for a night, delta has no region."""
    start = from_rfc3339("2024-03-30T00:00:00Z")
    for step in range(288):
        time = start + step * 10 * MINUTE
        for k, (host, region) in enumerate(HOSTS):
            if host == "gamma" and 110 <= step < 180:
                continue
            tags = f"host={host}" + (f",region={region}" if region else "")
            wave = (step * 37 + k * 29) % 101
            fields = [f"usage={wave + k / 8}", f"jobs={(step * 7 + k) % 9 - 2}i"]
            if step % 2 == 0:
                fields.append(f"temp={40 + 10 * math.sin(step / 9 + k):.4f}")
            if step % 3 == 0:
                fields.append(f'state="{("idle", "busy", "down")[(step // 3 + k) % 3]}"')
            if step % 4 == 0:
                fields.append(f"up={'true' if wave > 20 else 'false'}")
            yield f"cpu,{tags} {','.join(fields)} {time}"
            yield f"net,host={host},Iface=eth{k % 2} bytes={(step * (k + 3) * 1000) % 500000}u {time}"


def bill_lines():
    for month in range(1, 6):
        for day in (1, 11, 21):
            for kind in ("power", "water"):
                time = from_rfc3339(f"2024-{month:02d}-{day:02d}T03:30:00Z")
                yield f"bill,kind={kind} amount={month * 10 + day + len(kind) / 10} {time}"


def queries():
    found = {}
    for path in sorted(QUERIES.glob("*.flux")):
        for part in path.read_text().split("\n// ---- ")[1:]:
            title, script = part.split("\n", 1)
            assert title not in found, f"two queries are called {title}"
            found[title] = path.stem, script
    return found


def deviations():
    lines = (QUERIES / "deviations").read_text().splitlines()
    return dict(line.split("\t") for line in lines if line and not line.startswith("#"))


def by_result(tables):
    """Results in the order of their names: which of several InfluxDB gives first is by chance."""
    return tables if tables == "error" else sorted(tables, key=lambda table: table[0])


def by_name(tables):
    """The same with columns in the order of their names."""
    if tables == "error":
        return tables
    orders = [sorted(range(len(cols)), key=lambda i: cols[i]) for _, cols, _ in tables]
    return [(name, tuple(cols[i] for i in order), [[row[i] for i in order] for row in rows])
            for order, (name, cols, rows) in zip(orders, tables)]


def tables_of(text):
    """[(result, ((name, type, in the key), …), [row, …]), …]; an error's text where a table of errors stands."""
    tables, marks, header, last = [], {}, None, None
    for cells in csv.reader(io.StringIO(text, newline="")):
        if not cells:
            continue
        if cells[0].startswith("#"):
            marks[cells[0]] = cells[1:]
            header = None
        elif header is None:
            header, last = cells[1:], None
            if "error" in header[:1]:
                return "error"
            if marks["#default"][1]: # an empty table
                tables.append((marks["#default"][0], columns(header, marks), []))
        else:
            row = [cell or default for cell, default in zip(cells[1:], marks["#default"])]
            if (row[0], row[1]) != last:
                tables.append((row[0], columns(header, marks), []))
                last = row[0], row[1]
            tables[-1][2].append(row[2:])
    return tables


def columns(header, marks):
    return tuple(zip(header, marks["#datatype"], marks["#group"]))[2:]


def same_cell(column, a, b):
    if column[1] != "double" or a == b or not a or not b:
        return a == b
    return math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-12)


def difference(theirs, ours):
    """The first thing that differs, or None."""
    if "error" in (theirs, ours):
        return None if theirs == ours else f"an error here, none there: {theirs!s:.300} / {ours!s:.300}"
    for k, (a, b) in enumerate(zip(theirs, ours)):
        if a[:2] != b[:2]:
            return f"table {k}: {a[:2]} / {b[:2]}"
        for i, (x, y) in enumerate(zip(a[2], b[2])):
            if not all(map(same_cell, a[1], x, y)):
                return f"table {k} row {i}: {x} / {y}"
        if len(a[2]) != len(b[2]):
            return f"table {k}: {len(a[2])} rows / {len(b[2])}"
    return None if len(theirs) == len(ours) else f"{len(theirs)} tables / {len(ours)}"


def ask_influx(db, script):
    body = {"query": script, "type": "flux", "dialect": {"annotations": ["datatype", "group", "default"]}}
    try:
        return tables_of(db.request("POST", "/api/v2/query", {"org": db.org}, json.dumps(body),
                                    {"Content-Type": "application/json"}))
    except HttpError:
        return "error"


def ask_tsagg(store, script):
    done = tool("tsagg-query", f"--local={store}", "--format", "annotated", script)
    assert done.returncode in (0, 3), done
    return "error" if done.returncode else tables_of(done.stdout.decode())


@runner.needs(Influx2)
def test_the_same_answers():
    db = Influx2().start().setup()
    lines = "\n".join([*cpu_lines(), *bill_lines()])
    db.write(lines)
    asked, meant, wrong = queries(), deviations(), []
    assert len(asked) >= 120, len(asked)
    assert set(meant) <= set(asked), set(meant) - set(asked)
    with tempfile.TemporaryDirectory(prefix="tsagg-flux-diff-") as store:
        done = tool("tsagg-ctl", "store", "import", "--dir", store, "--bucket", "b", "-", stdin=lines.encode())
        assert done.returncode == 0, done
        for title, (file, script) in asked.items():
            answers = by_result(ask_influx(db, script)), by_result(ask_tsagg(store, script))
            differs = difference(*(answers if file in ORDERED else map(by_name, answers)))
            if bool(differs) != (title in meant):
                wrong.append(f"{title}: {differs or 'meant to differ, but does not'}\n{script}")
    assert not wrong, f"{len(wrong)} of {len(asked)} queries:\n" + "\n".join(wrong)


if __name__ == "__main__":
    runner.main()
