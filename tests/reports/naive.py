"""A second, naive calculation of every report: raw rows, plain loops, nothing of the reports' own code."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = "Europe/Berlin"
AGES = [(0, 9), (10, 17), (18, 39), (40, 64), (65, 130)]


class Clinic:
    """All rows of one site as dictionaries of what the database holds."""

    def __init__(self, session, site_id, at):
        self.connection, self.site, self.at = session.connection(), site_id, at
        self.tables, self.keyed = {}, {}
        self.today = at.astimezone(ZoneInfo(ZONE)).date()

    def __getitem__(self, table):
        if table not in self.tables:
            found = self.connection.exec_driver_sql(f"select * from {table} where site_id = ?", (self.site,))  # noqa: S608
            self.tables[table] = [dict(row._mapping) for row in found]
        return self.tables[table]

    def by_id(self, table):
        if table not in self.keyed:
            self.keyed[table] = {row["id"]: row for row in self[table]}
        return self.keyed[table]


def moment(text):
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def day(text):
    return None if text is None else moment(text).astimezone(ZoneInfo(ZONE)).date()


def ends(row, name):
    """Return the first and the last day that a day or moment of a row can be; None where it has none."""
    text = row[name]
    if text is None:
        return None
    first = day(text) if ":" in text else date.fromisoformat(text)
    known = json.loads(row.get("precision") or "{}").get(name, "").removeprefix("estimated ")
    if known == "year":
        return date(first.year, 1, 1), date(first.year, 12, 31)
    if known == "month":
        after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
        return date(first.year, first.month, 1), after - timedelta(days=1)
    return first, first


def known_day(row, name):
    """Return a day where all of it is known."""
    both = ends(row, name)
    return both[0] if both and both[0] == both[1] else None


def calendar(text):
    return None if text is None else date.fromisoformat(text)


def inside(asked, on):
    if not asked.get("from") and not asked.get("to"):
        return True
    if on is None:
        return False
    return (not asked.get("from") or on >= calendar(asked["from"])) and (
        not asked.get("to") or on <= calendar(asked["to"])
    )


def facts(clinic, course):
    """Return every dimension of a course."""
    patient = clinic.by_id("patient")[course["patient_id"]]
    version = clinic.by_id("protocol_version")[course["protocol_version_id"]]
    donor = clinic.by_id("donor").get(course["donor_id"])
    age = None
    if course["age_years"] is not None:
        age = int(float(course["age_years"]))
    elif patient["birth_date"] and course["performed_at"]:
        born, on = calendar(patient["birth_date"]), day(course["performed_at"])
        age = on.year - born.year
        if (on.month, on.day) < (born.month, born.day):
            age -= 1
    band = "unknown"
    for low, high in AGES:
        if age is not None and low <= age <= high:
            band = str(low)
    return {
        "protocol": clinic.by_id("protocol")[version["protocol_id"]]["code"],
        "field": version["field_key"],
        "condition": course["condition"],
        "cell_type": json.loads(version["content"])["cell_type"],
        "source": course["source"],
        "route": course["route"],
        "body_site": course["body_site"] or "unknown",
        "relation": course["relation"],
        "origin": course["origin"],
        "age": band,
        "sex": patient["sex"],
        "asa": course["asa_class"] or "unknown",
        "donor": donor["kind"] if donor else ("self" if course["relation"] == "autologous" else "unknown"),
    }


def courses(clinic, asked):
    """Return the courses that the filters choose: course and its dimensions, by id."""
    found = {}
    for course in clinic["treatment"]:
        told = facts(clinic, course)
        if all(told[key] == value for key, value in asked.items() if key in told):
            found[course["id"]] = (course, told)
    return found


def given(clinic, asked, *, any_time=False):
    """Return the administrations that count, in order of time: row, day, whether the first of its course."""
    chosen, found, begun = courses(clinic, asked), [], set()
    order = sorted(clinic["administration"], key=lambda row: (row["performed_at"] or "", row["recorded_at"], row["id"]))
    for row in order:
        if row["outcome"] == "voided" or (row["volume_given"] is not None and float(row["volume_given"]) == 0):
            continue
        if row["treatment_id"] not in chosen:
            continue
        first = row["treatment_id"] not in begun
        begun.add(row["treatment_id"])
        if any_time or inside(asked, day(row["performed_at"])):
            found.append((row, day(row["performed_at"]), first))
    return found


def begun(clinic, asked):
    """Return the day of the first cells of each course begun in the period, None where none is known."""
    return {
        row["treatment_id"]: on for row, on, first in given(clinic, asked, any_time=True) if first and inside(asked, on)
    }


def containers(clinic, asked):
    """Return the containers that a report on cells counts, with the group that each belongs to."""
    chosen = courses(clinic, asked)
    filtered = any(key in asked for key in facts(clinic, clinic["treatment"][0]))
    found = {}
    for row in clinic["product"]:
        if row["treatment_id"] in chosen:
            found[row["id"]] = (row, chosen[row["treatment_id"]][1][asked["by"]])
        elif row["treatment_id"] is None and not filtered:
            kind = row["cell_type"]
            if kind is None and row["protocol_version_id"]:
                kind = json.loads(clinic.by_id("protocol_version")[row["protocol_version_id"]]["content"])["cell_type"]
            own = {"source": row["source"], "cell_type": kind, "origin": row["origin"]}
            found[row["id"]] = (row, own.get(asked["by"]) or "banked")
    return found


def tally(pairs):
    """Return how many different things each group has."""
    found = {}
    for group, thing in pairs:
        found.setdefault(group, set()).add(thing)
    return {group: len(things) for group, things in found.items()}


def activity(clinic, asked):
    chosen = courses(clinic, asked)
    rows = [
        (row, f"{on.year if on else 9999}-{chosen[row['treatment_id']][1][asked['by']]}", first)
        for row, on, first in given(clinic, asked)
    ]
    people = {c["id"]: c["patient_id"] for c in clinic["treatment"]}
    return {
        "patients": tally((g, people[r["treatment_id"]]) for r, g, _f in rows),
        "all": tally((g, r["id"]) for r, g, _f in rows),
        "first": tally((g, r["id"]) for r, g, f in rows if f),
        "later": tally((g, r["id"]) for r, g, f in rows if not f),
    }


def volumes(clinic, asked):
    chosen = courses(clinic, asked)
    found = {}
    for row, on, _first in given(clinic, asked):
        if on is not None and on.year > clinic.today.year - 5:
            told = chosen[row["treatment_id"]][1]
            found.setdefault("administrations", []).append((told[asked["by"]], row["id"]))
            found.setdefault(f"{told['donor']}-administrations", []).append((told[asked["by"]], row["id"]))
    return {key: tally(pairs) for key, pairs in found.items()}


def funnel(clinic, asked):
    lines = [dict(r._mapping) for r in clinic.connection.exec_driver_sql("select * from course_line where title = ''")]
    order = ["consent", "eligibility", "harvest", "processing", "release", "administration", "followup"]
    cohort = [
        c
        for c, _t in courses(clinic, asked).values()
        if c["origin"] == "clinic" and inside(asked, day(c["performed_at"]))
    ]
    reached = {"ordered": len(cohort)}
    for place, step in enumerate(order):
        later = {line["treatment_id"] for line in lines if line["state"] == "done" and line["step"] in order[place:]}
        reached[step] = sum(c["id"] in later for c in cohort)
    return {"reached": reached if cohort else {}}


def releases(clinic, asked):
    known, last = containers(clinic, asked), {}
    for row in sorted(clinic["release"], key=lambda r: (r["recorded_at"], r["id"])):
        if row["product_id"] in known and inside(asked, day(row["performed_at"])):
            last[row["product_id"]] = row["decision"]
    names = {"conforms", "conditional", "exceptional", "accept", "hold", "reject"}
    return {name: tally((known[p][1], p) for p, decision in last.items() if decision == name) for name in names} | {
        "decided": tally((known[p][1], p) for p in last)
    }


def inventory(clinic, asked):
    known, found = containers(clinic, asked), {}
    for row in clinic["product_line"]:
        if row["product_id"] not in known or row["state"] in {"given", "discarded", "processed"}:
            continue
        product, group = known[row["product_id"]]
        end = moment(product["expires_at"])
        if not inside(asked, None if end is None else day(product["expires_at"])):
            continue
        state = "usable" if row["state"] in {"released", "conditional", "exceptional"} else row["state"]
        if end is not None and end <= clinic.at and state in {"usable", "quarantine"}:
            state = "expired"
        found[product["id"]] = (group, state, None if end is None else day(product["expires_at"]))
    states = ("usable", "quarantine", "hold", "rejected", "expired")
    near = {id_ for id_, (_g, _s, end) in found.items() if end is not None and 0 <= (end - clinic.today).days <= 30}
    return {state: tally((g, id_) for id_, (g, s, _end) in found.items() if s == state) for state in states} | {
        "n": tally((g, id_) for id_, (g, _s, _end) in found.items()),
        "endless": tally((g, id_) for id_, (g, _s, end) in found.items() if end is None),
        "soon": tally((g, id_) for id_, (g, _s, _end) in found.items() if id_ in near),
    }


def refused(clinic, asked):
    chosen = courses(clinic, asked)
    rows = [r for r in clinic["bedside_check"] if r["treatment_id"] in chosen and inside(asked, day(r["performed_at"]))]
    group = lambda row: chosen[row["treatment_id"]][1][asked["by"]]  # noqa: E731 - one line says it
    warned = [r for r in rows if r["clear"] and any(line.get("warning") for line in json.loads(r["evidence"]))]
    begun = {a["check_id"] for a in clinic["administration"]}
    return {
        "n": tally((group(r), r["id"]) for r in rows),
        "refused": tally((group(r), r["id"]) for r in rows if not r["clear"]),
        "warned": tally((group(r), r["id"]) for r in warned),
        "started": tally((group(r), r["id"]) for r in warned if r["id"] in begun),
    }


def cultures(clinic, asked):
    known, state = containers(clinic, asked), {}
    for row in clinic["qc_result"]:
        if row["test"] != "sterility" or row["product_id"] not in known:
            continue
        if not inside(asked, day(row["sampled_at"] or row["performed_at"])):
            continue
        said = "pending"
        if not row["pending"] and row["outcome"] is not None:
            early = (
                row["sampled_at"]
                and (moment(row["performed_at"]) - moment(row["sampled_at"])).total_seconds() < 14 * 86400
            )
            said = "positive" if row["outcome"] != "no_growth" else "pending" if early else "negative"
        state.setdefault(row["product_id"], set()).add(said)
    worst = {
        p: "positive" if "positive" in s else "negative" if "negative" in s else "pending" for p, s in state.items()
    }
    return {
        "positive": tally((known[p][1], p) for p, s in worst.items() if s == "positive"),
        "final": tally((known[p][1], p) for p, s in worst.items() if s != "pending"),
        "pending": tally((known[p][1], p) for p, s in worst.items() if s == "pending"),
    }


def reactions(clinic, asked):
    chosen = courses(clinic, asked)
    charted = {row["administration_id"] for row in clinic["vital_signs"]}
    rows = [row for row, _on, _f in given(clinic, asked) if row["origin"] == "clinic" and row["id"] in charted]
    bad = []
    for row in rows:
        for event in clinic["adverse_event"]:
            if event["treatment_id"] == row["treatment_id"] and event["administration_id"] in {None, row["id"]}:
                gap = (moment(event["performed_at"]) - moment(row["performed_at"])).total_seconds()
                if 0 <= gap <= 86400:
                    bad.append(row)
    group = lambda row: chosen[row["treatment_id"]][1][asked["by"]]  # noqa: E731 - one line says it
    return {"n": tally((group(r), r["id"]) for r in rows), "any": tally((group(r), r["id"]) for r in bad)}


def spelled(rows):
    """Return the name under which each event is counted: of its look-alikes the one written most, else first."""
    name = {}
    for row in rows:
        alike = [other for other in rows if other["term"].casefold() == row["term"].casefold()]
        alike.sort(key=lambda other: (other["performed_at"] or "", other["id"]))
        times = [sum(one["term"] == other["term"] for other in alike) for one in alike]
        name[row["id"]] = alike[times.index(max(times))]["term"]
    return name


def events(clinic, asked):
    chosen = courses(clinic, asked)
    rows = [e for e in clinic["adverse_event"] if e["treatment_id"] in chosen and inside(asked, day(e["performed_at"]))]
    name = spelled(rows)
    return {
        "events": tally((name[r["id"]], r["id"]) for r in rows),
        "serious": tally((name[r["id"]], r["id"]) for r in rows if json.loads(r["serious"])),
        "severe": tally((name[r["id"]], r["id"]) for r in rows if r["grade"] in {"3", "4", "5"}),
    }


def serious(clinic, asked):
    chosen = courses(clinic, asked)
    until = {"to": asked["to"]} if "to" in asked else {}
    dated = "from" in asked or "to" in asked
    rows = [
        e
        for e in clinic["adverse_event"]
        if e["treatment_id"] in chosen
        and json.loads(e["serious"])
        and (not dated or e["performed_at"])
        and inside(until, day(e["performed_at"]))
    ]
    now = [e for e in rows if inside(asked, day(e["performed_at"]))]
    bad = {"certain", "probable", "possible"}
    suspected = [e for e in rows if {e["from_cells"], e["from_delivery"], e["from_harvest"]} & bad]
    worst = {"death", "life_threatening"}
    grave = [e for e in rows if worst & set(json.loads(e["serious"])) or e["outcome"] == "fatal"]
    name = spelled(rows)
    people = {c["id"]: c["patient_id"] for c in clinic["treatment"]}
    return {
        "period": tally((name[e["id"]], e["id"]) for e in now),
        "cumulative": tally((name[e["id"]], e["id"]) for e in rows),
        "grave": tally((name[e["id"]], e["id"]) for e in grave),
        "suspected": tally((name[e["id"]], e["id"]) for e in suspected),
        "unexpected": tally((name[e["id"]], e["id"]) for e in suspected if e["expected"] == "unexpected"),
        "patients": tally((name[e["id"]], people[e["treatment_id"]]) for e in rows),
    }


def vigilance(clinic, asked):
    chosen = courses(clinic, asked)
    known = {id_: one for id_, one in containers(clinic, asked).items() if one[0]["origin"] == "clinic"}
    group = {row["harvest_id"]: g for row, g in known.values() if row["harvest_id"]}
    harvests = [h for h in clinic["harvest"] if h["id"] in group and inside(asked, day(h["performed_at"]))]
    runs = clinic.by_id("processing_run")
    made = []
    for row, place in known.values():
        run = runs.get(row["run_id"])
        if run and inside(asked, day(run["ended_at"] or run["performed_at"])):
            made.append((place, row["id"]))
    rows = [row for row, _on, _f in given(clinic, asked) if row["origin"] == "clinic"]
    issued = [
        m
        for m in clinic["movement"]
        if m["kind"] == "issued" and m["product_id"] in known and inside(asked, day(m["performed_at"]))
    ]
    people = {c["id"]: c["patient_id"] for c in clinic["treatment"]}
    suspected = {"certain", "probable", "possible"}
    bad = [
        e
        for e in clinic["adverse_event"]
        if e["treatment_id"] in chosen
        and json.loads(e["serious"])
        and {e["from_cells"], e["from_delivery"]} & suspected
        and None not in {e["from_cells"], e["from_delivery"], e["from_harvest"]}
        and inside(asked, day(e["performed_at"]))
    ]
    of = lambda row: chosen[row["treatment_id"]][1][asked["by"]]  # noqa: E731
    return {
        "donors": tally((group[h["id"]], h["donor_id"]) for h in harvests),
        "collections": tally((group[h["id"]], h["id"]) for h in harvests),
        "processed": tally(made),
        "distributed": tally((known[m["product_id"]][1], m["product_id"]) for m in issued),
        "applied": tally((of(r), r["id"]) for r in rows),
        "recipients": tally((of(r), people[r["treatment_id"]]) for r in rows),
        "reactions": tally((of(e), e["id"]) for e in bad),
    }


def stage_of(clinic, event):
    past, near = set(), set()
    for table in ("harvest", "administration"):
        for row in clinic[table]:
            if row["treatment_id"] == event["treatment_id"] and row.get("outcome") != "voided":
                gap = (moment(event["performed_at"]) - moment(row["performed_at"])).total_seconds()
                past |= {table} if gap >= 0 else set()
                near |= {table} if 0 <= gap <= 86400 else set()
    if near:
        return "giving" if "administration" in near else "harvest"
    return "follow-up" if "administration" in past else "between" if "harvest" in past else "before"
