"""Naive twins of the reports on what became of courses: visits, survival, outcomes, signatures, yields."""

from __future__ import annotations

import json

from tests.reports.naive import (
    begun,
    calendar,
    containers,
    courses,
    day,
    facts,
    given,
    inside,
    known_day,
    stage_of,
    tally,
    vigilance,
)  # fmt: skip


def visits(clinic, asked):
    chosen, made = courses(clinic, asked), {v["plan_id"]: v for v in clinic["follow_up_visit"]}
    found = {"due": [], "in": [], "missed": [], "none": []}
    for plan in clinic["planned_visit"]:
        closes = calendar(plan["closes_on"])
        if plan["treatment_id"] not in chosen or closes >= clinic.today or not inside(asked, closes):
            continue
        pair, visit = (plan["name"], plan["id"]), made.get(plan["id"])
        found["due"].append(pair)
        if visit is None:
            found["none"].append(pair)
        elif visit["made"] != "made":
            found["missed"].append(pair)
        elif calendar(plan["opens_on"]) <= day(visit["performed_at"]) <= closes:
            found["in"].append(pair)
    return {key: tally(pairs) for key, pairs in found.items()}


def observed(clinic, asked):
    """Return days observed and whether it ended in death, of each course begun; none where its days are not known.

    What was heard of the same person under another course counts by its day of the calendar.
    """
    found, by_id = {}, clinic.by_id("treatment")
    of_person = {}
    for id_ in by_id:
        of_person.setdefault(person_of(clinic, by_id[id_]), []).append(id_)
    for id_ in begun(clinic, asked):
        (days, dead, on), others = heard(clinic, id_), []
        for other in of_person[person_of(clinic, by_id[id_])]:
            if other != id_:
                some, died, since = heard(clinic, other)
                moved = None if None in {some, on, since} else some + (since - on).days
                others.append((moved, died))
        if not dead and any(died for _days, died in others):
            days, dead = next((some for some, died in others if died and some is not None), None), True
        elif not dead and days is not None:
            days = max(days, *(some for some, _died in others if some is not None), 0)
        if days is not None:
            found[id_] = (days, dead)
    return found


def person_of(clinic, course):
    return clinic.by_id("patient")[course["patient_id"]]["person_id"] or course["patient_id"]


def heard(clinic, id_):
    """Return what one course tells: days after its first cells, whether of a death, and the day of the cells."""
    people, by_id = clinic.by_id("patient"), clinic.by_id("treatment")
    told = {s["instrument"]: s["value"] for s in clinic["outcome_score"] if s["treatment_id"] == id_}
    never = [s["course_day"] for s in clinic["outcome_score"] if s["treatment_id"] == id_ and s["did_not_occur"]]
    timed = {score["visit_id"] for score in clinic["outcome_score"] if score["instrument"] == "survival_days"}
    start = next(
        (row for row, _on, first in given(clinic, {}, any_time=True) if first and row["treatment_id"] == id_), None
    )
    on, person = start and known_day(start, "performed_at"), by_id[id_]["patient_id"]
    visits = [v for v in clinic["follow_up_visit"] if v["treatment_id"] == id_]
    events = [e for e in clinic["adverse_event"] if e["treatment_id"] == id_]
    seen = [v for v in visits if v["made"] == "made" or (v["made"] is None and v["alive"] == 1)]
    died, ended = known_day(people[person], "died_on"), float(told.get("survival_status") or 0) == 1
    dead = people[person]["died_on"] is not None or any(v["alive"] == 0 for v in visits) or ended
    if dead:
        days = (died - on).days if died and on else None
        if days is None and told.get("survival_days") is not None:
            days = int(float(told["survival_days"]))
        last = [v for v in visits if v["alive"] == 0 and on and known_day(v, "performed_at")]
        days = (known_day(last[0], "performed_at") - on).days if days is None and last else days
        return days, True, on
    last = [on] if on else []
    last += [d for row, d, _f in given(clinic, {}, any_time=True) if row["treatment_id"] == id_ and on]
    last += [day(v["performed_at"]) for v in visits if v["made"] == "made" and v["performed_at"] and on]
    last += [day(e["performed_at"]) for e in events if e["performed_at"] and on]
    counted = [(one - on).days for one in last] + [one for one in never if one is not None]
    counted += [v["course_day"] for v in seen if v["course_day"] is not None and v["id"] not in timed]
    counted += [e["course_day"] for e in events if e["course_day"] is not None]
    counted += [int(float(told["survival_days"]))] if told.get("survival_days") is not None else []
    return max(counted, default=None), False, on


def survival(clinic, asked):
    chosen, seen = courses(clinic, asked), observed(clinic, asked)
    group = lambda id_: chosen[id_][1][asked["by"]]  # noqa: E731
    return {
        "n": tally((group(id_), id_) for id_ in seen),
        "events": tally((group(id_), id_) for id_, (_d, dead) in seen.items() if dead),
        "risk365": tally((group(id_), id_) for id_, (days, _dead) in seen.items() if days >= 365),
    }


def source_errors(clinic, asked):
    chosen, found = courses(clinic, asked), {"checked": [], "wrong": [], "missing": [], "fields": []}
    audits = {a["id"] for a in clinic["source_audit"] if inside(asked, day(a["performed_at"]))}
    for check in clinic["source_check"]:
        if check["audit_id"] in audits and check["treatment_id"] in chosen:
            found["checked"].append((check["audit_id"], check["id"]))
            for field in ("disease", "source", "donor", "engraftment", "survival"):
                for column in {"right": ["fields"], "wrong": ["fields", "wrong"], "missing": ["missing"]}.get(
                    check[field] or "", []
                ):
                    found[column].append((check["audit_id"], check["id"] + field))
    return {key: tally(pairs) for key, pairs in found.items()}


def expectation(clinic, asked):
    chosen, seen, people = courses(clinic, asked), observed(clinic, asked), set()
    found = {"n": [], "censored": [], "events": []}
    for id_, (days, dead) in seen.items():
        course, told = chosen[id_]
        assert course["patient_id"] not in people, "of two courses only the first one would count"
        people.add(course["patient_id"])
        found["n"].append((told[asked["by"]], id_))
        if days < 365 and not dead:
            found["censored"].append((told[asked["by"]], id_))
        if days <= 365 and dead:
            found["events"].append((told[asked["by"]], id_))
    return {key: tally(pairs) for key, pairs in found.items()}


def followup(clinic, asked):
    chosen, seen, starts = courses(clinic, asked), observed(clinic, asked), begun(clinic, asked)
    done, whole = {}, {}
    for id_, (days, dead) in seen.items():
        group = chosen[id_][1][asked["by"]]
        could = 365 if starts[id_] is None else min(365, (clinic.today - starts[id_]).days)
        potential = min(days, could) if dead else could
        done[group] = done.get(group, 0) + min(days, potential)
        whole[group] = whole.get(group, 0) + potential
    return {"seen": done, "could": whole}


def engraftment(clinic, asked):
    """A course counts where a day of recovery is written down, or that there was none, until that was last seen."""
    chosen, seen, columns = courses(clinic, asked), observed(clinic, asked), {"n": [], "recovered": [], "died": []}
    for id_ in begun(clinic, asked):
        if chosen[id_][1]["cell_type"] not in {"hsc", "gene_modified"}:
            continue
        about = [s for s in clinic["outcome_score"] if s["treatment_id"] == id_]
        about = [s for s in about if s["instrument"] in {"anc_recovery", "anc_recovered"}]
        days = [s for s in about if s["instrument"] == "anc_recovery" and s["value"] is not None]
        none = [
            s for s in about if s["did_not_occur"] or (s["instrument"] == "anc_recovered" and s["value"] in {0, "0"})
        ]
        until = [s["course_day"] for s in none if s["course_day"] is not None]
        if not days and (not none or (id_ not in seen and not until)):
            continue
        pair = (chosen[id_][1][asked["by"]], id_)
        columns["n"].append(pair)
        if days:
            columns["recovered"].append(pair)
        elif id_ in seen and seen[id_][1] and (not until or seen[id_][0] <= max(until)):
            columns["died"].append(pair)
    return {key: tally(pairs) for key, pairs in columns.items()}


def outcomes(clinic, asked):
    chosen = courses(clinic, asked)
    visit = clinic.by_id("follow_up_visit")
    scores = [s for s in clinic["outcome_score"] if s["instrument"] == "vas_pain_cm" and s["value"] is not None]
    start = {
        row["treatment_id"]: known_day(row, "performed_at") for row, _d, f in given(clinic, {}, any_time=True) if f
    }
    base = {}
    for s in scores:
        one, zero = visit[s["visit_id"]], start.get(s["treatment_id"])
        on = known_day(one, "performed_at") if one["performed_at"] else None
        by = (on - zero).days if on and zero else one["course_day"]
        planned = one["plan_id"] and clinic.by_id("planned_visit")[one["plan_id"]]["day"] > 0
        if not planned and (one["name"].lower() == "baseline" or (by is not None and by <= 0)):
            base[s["treatment_id"]] = float(s["value"])
    at = {visit[s["visit_id"]]["plan_id"]: float(s["value"]) for s in scores}
    due, known, gained = [], [], {}
    for plan in clinic["planned_visit"]:
        if plan["treatment_id"] not in chosen or plan["day"] <= 0 or not inside(asked, calendar(plan["due_on"])):
            continue
        asks = "vas_pain_cm" in json.loads(plan["instruments"]) and calendar(plan["closes_on"]) < clinic.today
        if not asks and plan["id"] not in at:
            continue
        row = f"{chosen[plan['treatment_id']][1][asked['by']]}-{plan['name']}"
        due.append((row, plan["id"]))
        if plan["id"] in at and plan["treatment_id"] in base:
            known.append((row, plan["id"]))
            gained.setdefault(row, []).append(base[plan["treatment_id"]] - at[plan["id"]])
    means = {row: round(sum(some) / len(some), 2) for row, some in gained.items()}
    return {"due": tally(due), "known": tally(known), "change": means}


KINDS = {
    "TR": "treatment",
    "CN": "consent",
    "EL": "eligibility",
    "HV": "harvest",
    "RN": "processing_run",
    "RL": "release",
    "AD": "administration",
    "VI": "follow_up_visit",
    "AE": "adverse_event",
}


def signatures(clinic, asked):
    chosen, products = courses(clinic, asked), clinic.by_id("product")
    whole = not any(key in asked for key in facts(clinic, clinic["treatment"][0]))
    people = {course["patient_id"] for course, _told in chosen.values()}
    signed = {row["record_id"] for row in clinic["signature"]}
    found = {"n": [], "unsigned": []}
    for kind, table in KINDS.items():
        for row in clinic[table]:
            mine = row["id"] in chosen or row.get("treatment_id") in chosen
            if table == "consent":
                mine = row["patient_id"] in people
            if table == "release":
                mine = products[row["product_id"]]["treatment_id"] in chosen
            when = day(row["performed_at"] or row["recorded_at"])
            if row["origin"] == "clinic" and (mine or whole) and inside(asked, when):
                found["n"].append((kind, row["id"]))
                if row["id"] not in signed:
                    found["unsigned"].append((kind, row["id"]))
    return {key: tally(pairs) for key, pairs in found.items()}


def yields(clinic, asked):
    known = containers(clinic, asked)
    values = {}
    for row in clinic["qc_result"]:
        if (
            row["test"] == "viability"
            and row["product_id"] in known
            and row["value"] is not None
            and row["comparator"] == "="
            and inside(asked, day(row["performed_at"]))
        ):
            values.setdefault(known[row["product_id"]][1], []).append(float(row["value"]))
    return {
        "n": {g: len(v) for g, v in values.items()},
        "least": {g: min(v) for g, v in values.items()},
        "mean": {g: sum(v) / len(v) for g, v in values.items()},
    }


def tabulation(clinic, asked):
    """All since the beginning up to the last day; every time of the demonstration is known to the minute."""
    until = {key: value for key, value in asked.items() if key != "from"}
    told = vigilance(clinic, until | {"by": "origin"})
    chosen, found = courses(clinic, asked), {"n": []}
    for event in clinic["adverse_event"]:
        if event["treatment_id"] not in chosen or not inside(until, day(event["performed_at"])):
            continue
        stage = stage_of(clinic, event)
        for place in (stage, "all"):
            for key in (place, f"{place}-serious") if json.loads(event["serious"]) else (place,):
                found["n"].append((key, event["id"]))
                for cause in ("cells", "harvest", "delivery", "drug", "disease"):
                    if event[f"from_{cause}"] in {"certain", "probable", "possible"}:
                        found.setdefault(cause, []).append((key, event["id"]))
    counts = {key: tally(pairs) for key, pairs in found.items()}
    for key in ("donors", "collections", "processed", "distributed", "applied", "recipients"):
        counts["n"][key] = sum(told[key].values())
    return counts
