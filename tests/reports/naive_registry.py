"""Second, naive extracts for registries: how many questions of each form are blank, from raw rows by plain loops."""

from __future__ import annotations

import json

from tests.reports.naive import begun, calendar, courses, day, given, inside

FORMING = {"hsc", "gene_modified"}


def blanks(told):
    return sum(value in {None, ""} for value in told)


def everything(clinic):
    """Return every administration that counts, whatever is asked: row and day."""
    return [(row, on) for row, on, _first in given(clinic, {}, any_time=True)]


def person(clinic, course_id):
    patient = clinic.by_id("patient")[clinic.by_id("treatment")[course_id]["patient_id"]]
    return patient["person_id"] or patient["id"]


def is_first(clinic, course_id):
    mine = [row for row, _on in everything(clinic) if row["treatment_id"] == course_id]
    others = [row for row, _on in everything(clinic) if row["treatment_id"] != course_id
              and person(clinic, row["treatment_id"]) == person(clinic, course_id)]  # fmt: skip
    if not others:
        return "yes"
    if mine[0]["performed_at"] is None or any(row["performed_at"] is None for row in others):
        return None
    return "no" if any(row["performed_at"] < mine[0]["performed_at"] for row in others) else "yes"


def course_facts(clinic, course_id, on):
    course = clinic.by_id("treatment")[course_id]
    patient, names = clinic.by_id("patient")[course["patient_id"]], clinic.by_id("product")
    return {
        "born": patient["birth_date"], "sex": patient["sex"], "infused": on, "condition": course["condition"],
        "diagnosis": course["diagnosis"], "relation": course["relation"], "weight": course["weight_kg"],
        "height": course["height_cm"], "asa": course["asa_class"], "ill": course["comorbidities"],
        "product": next((names[row["product_id"]]["name"] for row, _on in everything(clinic)
                         if row["treatment_id"] == course_id and names[row["product_id"]]["name"]), None),
    }  # fmt: skip


def form_4000(clinic, asked):
    found = {}
    for course_id, on in begun(clinic, asked).items():
        told = course_facts(clinic, course_id, on)
        found[course_id] = blanks([*told.values(), is_first(clinic, course_id)])
    return {"blank": found}


def ebmt(clinic, asked):
    found = {}
    for course_id, on in begun(clinic, asked).items():
        told = course_facts(clinic, course_id, on)
        del told["ill"]
        found[course_id] = blanks(told.values())
    return {"blank": found}


def form_4003(clinic, asked):
    found = {}
    for row, _on, _first in given(clinic, asked):
        product = clinic.by_id("product")[row["product_id"]]
        cells = product["cell_type"] or cells_of(clinic, row["treatment_id"])
        number = f"{product['din'] or ''}{product['division'] or ''}"
        told = [product["name"], product["collected_at"], product["source"], cells, number, product["relation"],
                product["preparation"],
                product["frozen_at"] or ("no" if product["origin"] == "clinic" else None)]  # fmt: skip
        found[product["id"]] = blanks(told)
    return {"blank": found}


def cells_of(clinic, course_id):
    version = clinic.by_id("protocol_version")[clinic.by_id("treatment")[course_id]["protocol_version_id"]]
    return json.loads(version["content"])["cell_type"]


def form_4006(clinic, asked):
    found = {}
    for row, on, _first in given(clinic, asked):
        volumes = row["volume_given"], row["volume_issued"]
        whole = None if None in volumes else float(volumes[0]) >= float(volumes[1])
        rest = whole or float(row["volume_wasted"] or 0) or float(row["volume_returned"] or 0)
        route = row["route"] or clinic.by_id("treatment")[row["treatment_id"]]["route"]
        told = [clinic.by_id("product")[row["product_id"]]["name"], on, None if whole is None else "told",
                "told" if rest else None, route, row["dose"], row["dose_per_kg"], row["viability_before"],
                row["premedication"]]  # fmt: skip
        found[row["id"]] = blanks(told)
    return {"blank": found}


def form_4100(clinic, asked):
    chosen, made = courses(clinic, asked), {visit["plan_id"]: visit for visit in clinic["follow_up_visit"]}
    begins = {row["treatment_id"]: on for row, on, first in given(clinic, asked, any_time=True) if first}
    found = {}
    for plan in clinic["planned_visit"]:
        course_id, closes, visit = plan["treatment_id"], calendar(plan["closes_on"]), made.get(plan["id"])
        due = visit is not None or closes < clinic.today
        if course_id not in chosen or course_id not in begins or plan["day"] <= 0 or not due:
            continue
        if inside(asked, calendar(plan["due_on"])):
            told = follow_up(clinic, course_id, closes, visit)
            found[plan["id"]] = blanks([*told, *recoveries(clinic, course_id)])
    return {"blank": found}


def follow_up(clinic, course_id, closes, visit):
    patient = clinic.by_id("patient")[clinic.by_id("treatment")[course_id]["patient_id"]]
    died = calendar(patient["died_on"])
    came = visit is not None and visit["made"] == "made"
    dead = (died is not None and died <= closes) or (visit is not None and visit["alive"] == 0)
    alive = "dead" if dead else "alive" if came and visit["alive"] else None
    return [day(visit["performed_at"]) if came else None, alive, died if dead else alive]


def recoveries(clinic, course_id):
    if cells_of(clinic, course_id) not in FORMING:
        return []
    scores = [score for score in clinic["outcome_score"] if score["treatment_id"] == course_id]
    told = []
    for days, status in (("anc_recovery", "anc_recovered"), ("platelet_recovery", "platelets_recovered")):
        known = any(one["instrument"] == days and one["value"] is not None for one in scores)
        never = any(one["instrument"] == status and one["value"] is not None and float(one["value"]) == 0
                    for one in scores)  # fmt: skip
        told.append("told" if known or never else None)
    return told
