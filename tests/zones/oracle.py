#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what AccessTerms says with what Python's zoneinfo says, on the same files of tzdata, for random windows over all zones.

usage: oracle.py PROGRAM [WINDOWS]      (PROGRAM: window-oracle_program; default 400 windows, or PODID_ORACLE_WINDOWS)
PODID_ORACLE_SEED repeats a run. For each window the instants are one second before, at and after each of its edges around a
random day of 1970 to 2037, every second time one on which the zone's clocks are changed. Exit status 1 if anything differs."""
import datetime as dt
import functools
import json
import os
import random
import subprocess
import sys
import zoneinfo

UTC = dt.timezone.utc
EPOCH = dt.datetime(1970, 1, 1)
DAY = dt.timedelta(days=1)
NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def offset(zone, instant):
    """Seconds east of UTC at an instant in seconds."""
    return int(dt.datetime.fromtimestamp(instant, UTC).astimezone(zone).utcoffset().total_seconds())


def resolve(zone, wall, fold):
    """The instant of a wall-clock time, its first (0) or second (1) occurrence; of one that is leapt over the leap."""
    before, after = (int((wall - EPOCH - wall.replace(tzinfo=zone, fold=f).utcoffset()).total_seconds()) for f in (1, 0))
    instant = before if fold else after
    if dt.datetime.fromtimestamp(instant, UTC).astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    was = offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        if offset(zone, middle) == was:
            before = middle
        else:
            after = middle
    return after


@functools.cache
def zone_of(name):
    return zoneinfo.ZoneInfo(name)


@functools.cache
def changes(name):
    """Days near which the zone's clocks are changed, 1970 to 2037."""
    zone = zone_of(name)
    step = 14 * 86400
    found = []
    for instant in range(0, 2_145_000_000, step):
        if offset(zone, instant) != offset(zone, instant + step):
            low, high = instant, instant + step
            while high - low > 3600:
                middle = (low + high) // 2
                if offset(zone, middle) == offset(zone, instant):
                    low = middle
                else:
                    high = middle
            found.append(dt.date.fromtimestamp(high))
    return found


def minutes(text):
    return int(text[:2]) * 60 + int(text[3:])


def interval(window, day, calendars):
    """[opens, closes) of a window on a day; nothing: it does not open."""
    if NAMES[day.weekday()] not in window.get("days", NAMES):
        return None
    if "holidays" in window and day.isoformat() in calendars[window["holidays"]["configMap"]].split():
        return None
    zone = zone_of(window.get("timeZone", "UTC"))
    start, end = minutes(window.get("start", "00:00")), minutes(window.get("end", "24:00"))
    midnight = dt.datetime.combine(day, dt.time())
    opens = resolve(zone, midnight + dt.timedelta(minutes=start), 0)
    closes = resolve(zone, midnight + dt.timedelta(minutes=end if end > start else end + 1440), 1)
    return (opens, closes) if opens < closes else None


def union(access, around, calendars, days):
    """The intervals of all windows, those that touch made one, from some days before the instant on."""
    day = (EPOCH + dt.timedelta(seconds=around)).date()
    intervals = sorted(found for window in access["windows"] for i in range(-4, days)
                       if (found := interval(window, day + i * DAY, calendars)))
    merged = []
    for opens, closes in intervals:
        if merged and opens <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], closes)
        else:
            merged.append([opens, closes])
    return merged


def expected(merged, last, instant):
    for opens, closes in merged:
        if instant < opens:
            return ["window_closed", opens]
        if instant < closes:
            return ["open", closes if closes < last else None]
    return ["window_closed", None]


def random_clock(rng):
    return rng.choice([0, 15, 30, 45, 59, rng.randrange(60)]) + 60 * rng.choice([0, 1, 2, 3, 23, rng.randrange(24)])


def random_window(rng, zone, day):
    window = {"timeZone": zone}
    start, end = random_clock(rng), random_clock(rng)
    if start != end:
        window |= {"start": f"{start // 60:02}:{start % 60:02}", "end": f"{end // 60:02}:{end % 60:02}"}
    if rng.random() < 0.5:
        window["days"] = rng.sample(NAMES, rng.randint(1, 6))
    calendars = {}
    if rng.random() < 0.3:
        window["holidays"] = {"configMap": f"c{rng.randrange(10**6)}"}
        dates = {(day + rng.randint(-3, 9) * DAY).isoformat() for _ in range(rng.randint(0, 6))}
        calendars[window["holidays"]["configMap"]] = "\n".join(sorted(dates))
    return window, calendars


def random_case(rng, names):
    zone = rng.choice(names)
    day = dt.date(1970, 1, 10) + rng.randrange(24_800) * DAY
    if changes(zone) and rng.random() < 0.5:
        day = min(max(rng.choice(changes(zone)) + rng.randint(-1, 1) * DAY, dt.date(1970, 1, 10)), dt.date(2037, 12, 1))
    access, calendars = {"windows": []}, {}
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        window, dates = random_window(rng, zone if rng.random() < 0.8 else rng.choice(names), day)
        access["windows"].append(window)
        calendars |= dates
    noon = int((dt.datetime.combine(day, dt.time(12)) - EPOCH).total_seconds())
    edges = [edge for window in access["windows"] for i in range(-2, 3) if (found := interval(window, day + i * DAY, calendars))
             for edge in found]
    times = sorted({edge + by for edge in edges for by in (-1, 0, 1)} | {noon})
    return {"access": access, "calendars": calendars, "times": times}


def check(case, answers):
    """The first instant at which the answers differ, in words; nothing: none."""
    last = case["times"][-1] + 30 * 86400
    merged = union(case["access"], case["times"][0], case["calendars"], 45)
    for instant, answer in zip(case["times"], answers, strict=True):
        wanted = expected(merged, last, instant)
        open_beyond = answer[0] == "open" and (answer[1] is None or answer[1] >= last)
        if answer != wanted and not (open_beyond and wanted == ["open", None]):
            return f"at {dt.datetime.fromtimestamp(instant, UTC)}: expected {wanted}, found {answer}"
    return None


def main():
    count = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("PODID_ORACLE_WINDOWS", "400"))
    seed = int(os.environ.get("PODID_ORACLE_SEED", random.SystemRandom().randrange(2**32)))
    rng = random.Random(seed)
    zoneinfo.reset_tzpath([os.environ.get("TZDIR", "/usr/share/zoneinfo")])
    names = sorted(zoneinfo.available_timezones() - {"Factory", "localtime"})
    print(f"seed {seed}, {count} windows, {len(names)} zones")
    windows = instants = differences = 0
    with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        while windows < count:
            case = random_case(rng, names)
            program.stdin.write(json.dumps(case) + "\n")
            program.stdin.flush()
            problem = check(case, json.loads(program.stdout.readline()))
            windows += len(case["access"]["windows"])
            instants += len(case["times"])
            if problem:
                differences += 1
                print(f"{problem}\n  {json.dumps(case)}", file=sys.stderr)
        program.stdin.close()
    print(f"{windows} windows, {instants} instants, {differences} cases differ")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
