"""Line protocol, written and read; reading is for what sinks write, a record in a line."""
import re

UNESCAPED = r"(?:[^\\{0}]|\\.)*"
VALUE = r'(?:"(?:[^"\\]|\\.)*"|[^ ,"]+)'
LINE = re.compile(r"({m})((?:,{k}={k})*) ({k}={v}(?:,{k}={v})*) (-?\d+)".format(
    m=UNESCAPED.format(", "), k=UNESCAPED.format(",= "), v=VALUE))
PAIR = re.compile(r"({k})=({k})(?:,|$)".format(k=UNESCAPED.format(",= ")))
FIELD = re.compile(r"({k})=({v})(?:,|$)".format(k=UNESCAPED.format(",= "), v=VALUE))


def escape(text, special):
    return re.sub(f"([{special}])", r"\\\1", text)


def unescape(text):
    return re.sub(r"\\([,= \\])", r"\1", text) if "\\" in text else text


def write(sample):
    """The line of an oracle.Sample."""
    tags = "".join(f",{escape(k, ',= ')}={escape(v, ',= ')}" for k, v in sample.tags)
    number = f"{sample.value}i" if isinstance(sample.value, int) else repr(sample.value)
    return f"{escape(sample.measurement, ', ')}{tags} {escape(sample.field, ',= ')}={number} {sample.time_ns}"


def read_value(text):
    """A field's value: text, an integer or a float."""
    if text.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if text in ("true", "false"):
        return text == "true"
    return int(text[:-1]) if text.endswith("i") else float(text)


def read(line):
    """(measurement, tags as sorted pairs, fields as a dict, time)"""
    match = LINE.fullmatch(line)
    if not match:
        raise ValueError(f"not a line of line protocol: {line!r}")
    measurement, tags, fields, time_ns = match.groups()
    pairs = [(unescape(k), unescape(v)) for k, v in PAIR.findall(tags[1:])]
    values = {unescape(k): read_value(v) for k, v in FIELD.findall(fields)}
    return unescape(measurement), tuple(sorted(pairs)), values, int(time_ns)


def read_points(text):
    """The points of a file as InfluxDB would hold them: a later line for a point overwrites its fields."""
    points = {}
    for line in text.splitlines():
        measurement, tags, fields, time_ns = read(line)
        points.setdefault((measurement, tags, time_ns), {}).update(fields)
    return points
