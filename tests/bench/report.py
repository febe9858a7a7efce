"""Prints the results as Markdown: first compared with the goals, then every number."""

import statistics

import footprint as start
from machine import BUSY_SHARE

MIB = 1 << 20
FEED, PLAIN, WEBDIS, BARE, SUSPENDED, REDIS, CLUSTER = (
    "collector", "collector, no feed", "webdis", "bare", "bare, suspending", "redis-benchmark", "collector, Cluster of 3")


def table(titles, rows):
    """Returns the rows as a Markdown table, in which the first column is text and the others are numbers."""
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _median_ratio(rounds, over, under, field="rate"):
    """Returns (median, smallest, largest) of the ratios of the rounds."""
    ratios = [getattr(one[over], field) / getattr(one[under], field) for one in rounds]
    return statistics.median(ratios), min(ratios), max(ratios)


def _goal(what, values, goal, met):
    median, low, high = values
    return [what, f"{median:.2f} ({low:.2f} to {high:.2f})", goal, "yes" if met(median) else "no"]


def _at_least(least):
    return f"at least {least:.2f}", lambda value: value >= least


def _at_most(most):
    return f"at most {most:.2f}", lambda value: value <= most


def goals(rounds, footprint):
    """Each ratio compares two servers within one round; the range is the range over the rounds."""
    def ratio(*names):
        return _median_ratio(rounds, *names)

    cost = tuple(1 - value for value in ratio(FEED, PLAIN))
    ready, mib = start.ready_ms(footprint), footprint.used / MIB
    rows = [
        _goal("rate, no feed / webdis", ratio(PLAIN, WEBDIS), *_at_least(1.3)),
        _goal("rate, with feed / webdis", ratio(FEED, WEBDIS), *_at_least(1.3)),
        _goal("rate, no feed / bare that suspends", ratio(PLAIN, SUSPENDED), *_at_least(0.75)),
        _goal("rate, with feed / bare that suspends", ratio(FEED, SUSPENDED), *_at_least(0.75)),
        _goal("cost of the feed", (cost[0], cost[2], cost[1]), *_at_most(0.05)),
        _goal("Redis's CPU per document, with feed / no feed", ratio(FEED, PLAIN, "redis_cpu"), *_at_most(1.2)),
        _goal("CPU per request, no feed / webdis", ratio(PLAIN, WEBDIS, "server_cpu"), *_at_most(1)),
        _goal("CPU per request, with feed / webdis", ratio(FEED, WEBDIS, "server_cpu"), *_at_most(1)),
        _goal("p99, no feed / webdis", ratio(PLAIN, WEBDIS, "p99"), *_at_most(1)),
        _goal("p99, with feed / webdis", ratio(FEED, WEBDIS, "p99"), *_at_most(1)),
        ["exec to ready", f"{ready:.1f} ms ({min(footprint.ready_ms):.1f} to {max(footprint.ready_ms):.1f})",
         "at most 50 ms", "yes" if ready <= 50 else "no"],
        ["resident when idle", f"{footprint.idle / MIB:.1f} MiB", "at most 8 MiB",
         "yes" if footprint.idle <= 8 * MIB else "no"],
        [f"resident, {footprint.connections} connections that sent nothing", f"{footprint.connected / MIB:.1f} MiB",
         "at most 100 MiB", "yes" if footprint.connected <= 100 * MIB else "no"],
        [f"resident, {footprint.connections} connections, each had a request", f"{mib:.1f} MiB", "at most 100 MiB",
         "yes" if mib <= 100 else "no"],
    ]
    return rows


def goals_table(rows):
    return table(["what", "median (range)", "goal", "met"], rows)


def against_webdis(rounds, least):
    one = rounds[0][FEED]
    what = f"rate, with feed / webdis, {one.connections} connections, {one.size} bytes"
    return _goal(what, _median_ratio(rounds, FEED, WEBDIS), *_at_least(least))


def cluster(rounds, masters, shares):
    """`shares`: for each round, the share of the commands that the busiest master received."""
    costs = [(one[CLUSTER].server_cpu + one[CLUSTER].redis_cpu) / (one[FEED].server_cpu + one[FEED].redis_cpu)
             for one in rounds]
    return [
        _goal(f"rate, Cluster of {masters} masters / one server", _median_ratio(rounds, CLUSTER, FEED), *_at_least(0.85)),
        _goal("CPU per document of Collector and Redis, Cluster / one server",
              (statistics.median(costs), min(costs), max(costs)), *_at_most(1.25)),
        _goal("commands of the busiest master / an equal share", (statistics.median(shares) * masters,
              min(shares) * masters, max(shares) * masters), *_at_most(1.25)),
    ]


def slices(all_slices):
    """Every number."""
    rows = [[f"{one.server}", str(one.connections), str(one.size), f"{one.rate:,.0f}", f"{one.p50:,.0f}",
             f"{one.p99:,.0f}", f"{one.server_cpu:.1f}", f"{one.redis_cpu:.1f}", f"{one.resident / MIB:.1f}",
             f"{one.idle:.0%}", f"{one.others:.0%}"] for one in all_slices]
    return table(["server", "connections", "bytes", "requests/s", "p50 us", "p99 us", "server CPU us", "Redis CPU us",
                  "resident MiB", "idle CPU", "others' CPU"], rows)


def ratios(all_slices):
    """One line for each combination of connections and size."""
    groups = {}
    for one in all_slices:
        groups.setdefault((one.connections, one.size), {})[one.server] = one
    rows = []
    for (connections, size), group in groups.items():
        def ratio(over, under, group=group):
            return f"{group[over].rate / group[under].rate:.2f}" if over in group and under in group else "-"
        cost = 1 - group[FEED].rate / group[PLAIN].rate
        rows.append([f"{connections} connections, {size} bytes", ratio(FEED, WEBDIS), ratio(PLAIN, WEBDIS),
                     ratio(FEED, SUSPENDED), ratio(PLAIN, SUSPENDED), ratio(SUSPENDED, BARE), ratio(PLAIN, REDIS),
                     f"{cost:.0%}"])
    return table(["rates", "feed / webdis", "no feed / webdis", "feed / suspending", "no feed / suspending",
                  "suspending / bare", "no feed / redis-benchmark", "cost of the feed"], rows)


def business(all_slices):
    """Says whether the numbers are reliable."""
    shares = sorted(one.others for one in all_slices)
    text = f"Other processes and the hypervisor took {statistics.median(shares):.0%} of the CPUs (median of " \
           f"{len(shares)} slices), at most {shares[-1]:.0%}."
    if statistics.median(shares) > BUSY_SHARE:
        return f"**The machine is too busy: {text} Trust only the ratios within a round, and run it again on a quiet " \
               "machine.**"
    return text
