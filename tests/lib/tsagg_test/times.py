"""RFC 3339 to nanoseconds and back, without the microseconds of datetime."""
import calendar
import re
import time

NS = 1_000_000_000
RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")


def from_rfc3339(text):
    match = RFC3339.fullmatch(text)
    if not match:
        raise ValueError(f"not an RFC 3339 time in UTC: {text!r}")
    *parts, fraction = match.groups()
    return calendar.timegm(tuple(map(int, parts))) * NS + int((fraction or "").ljust(9, "0"))


def to_rfc3339(time_ns):
    sec, ns = divmod(time_ns, NS)
    fraction = f".{ns:09d}" if ns else ""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(sec)) + fraction + "Z"
