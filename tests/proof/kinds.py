"""What the histories must draw: a history that never thaws, corrects or refuses proves nothing of it.

Kinds as `tests.proof.playing` counts them: acts that were done, acts that were refused by a rule, and reasons for which
the gate refused a bag or asked for a reason.
"""

from __future__ import annotations

from tests.proof.acts import RUNS

REFUSED_RUNS = {"wash untouched", "split and wash"}
"""Runs that are refused where the bag is frozen; where it is not, they are done."""
DONE = {
    *(f"run {what}: done" for what in RUNS.keys() - REFUSED_RUNS - {"refreeze late"}),
    "step: done",
    *(f"move {kind}: done" for kind in ("received", "discarded", "thawed", "stored")),
    *(f"decide {kind}: done" for kind in ("conforms", "conditional", "exceptional", "hold", "reject")),
    *(
        f"amend {table}: done"
        for table in ("results", "bags", "runs", "harvests", "consents", "eligibilities", "weights", "courses", "moves")
    ),
    *(
        f"sign {table}, {whose}: done"
        for table in ("results", "consents", "eligibilities")
        for whose in ("a correction of another person", "the own correction")
    ),
    *(f"sign {table}, a correction of another person: done" for table in ("bags", "runs", "harvests")),
    *("use_before longer: done", "use_before shorter: done"),
    *("eligible: done", "eligible after a no: done", "not eligible: done", "not eligible in person: done"),
    *("propose: done", "confirm_merge: done", "undo_merge: done", "confirm: done"),
    *(
        f"{act}: done"
        for act in (
            *("assign", "check", "begin", "determine", "consent", "withdraw", "stop", "die", "allergy", "weigh"),
            *("result", "sign decisions", "sign runs", "sign determinations"),
        )
    ),
}
REFUSED = {
    "run against rule 54: done to frozen cells",
    "run against rule 54: frozen again after its time",
    "run against rule 50: cannot be processed",
    "use_before against rule 50: later than the protocol allows",
    "decide against rule 44: the results do not carry it",
    "decide against rule 45: processed or tested it",
    "decide against rule 50: expired",
    "determine against rule 17: reactive is not eligible",
    "assign against rule 4: assigned already",
    "assign against rule 17: the order names another donor",
    "result against rule 69: sampled after it was gone",
    "confirm_merge against rule 11: proposed it",
    "begin against rule 1: the check is too old",
    "check against rule 2: one person",
    "sign bags, the own correction: refused",
}
AT_THE_GATE = {
    f"gate, rule {said}"
    for said in (
        "1: the bag is assigned to nobody",
        "1: the bag belongs to another course",
        "3: another patient's own cells",
        "4: directed to another patient",
        "14: no valid consent",
        "14: the order is not signed",
        "15: the course was stopped",
        "15: collected before the withdrawal",
        "17: the donor is ineligible",
        "19: markers are missing",
        "23: the patient is not eligible",
        "23: a yes overturns a no without a second physician",
        "23: not eligible in another course, for a reason in the person",
        "23: another course was stopped, for a reason in the person",
        "23: decided before the last dose",
        "23: nobody asked about allergies",
        "23: an allergy meets what the bag holds",
        "23: a proposed record of the same person tells something",
        "31: the harvest is not signed",
        "43: germs in the family",
        "44: the informed physician has not acknowledged it",
        "44: what it waited for is overdue",
        "45: the processing is not signed and verified by two people",
        "45: a correction waits for a second person",
        "46: the evidence changed since the release",
        "50: no release stands",
        "50: quality said hold",
        "50: quality said reject",
        "50: quality said hold to what it was made of",
        "50: a result speaks against it",
        "50: expired",
        "50: too long after a thaw in a run",
        "50: nothing says until when",
        "50: given",
        "50: used up",
        "50: discarded",
        "51: no weight that is fresh enough",
        "51: a weight waits for a second person",
        "52: the dose of the day lies outside the window",
        "54: still frozen",
        "65: the patient has died",
    )
} | {"gate asks for a reason, rule 54", "gate asks for a reason, rule 61"}
EVERY = DONE | REFUSED | AT_THE_GATE
"""What some thousand histories draw."""
RARE = {
    "gate, rule 15: the course was stopped",
    "gate, rule 17: the donor is ineligible",
    "gate, rule 44: what it waited for is overdue",
    "gate, rule 50: a result speaks against it",
    "gate, rule 50: quality said hold to what it was made of",
    "gate, rule 65: the patient has died",
}
"""What hardly ever is the only reason against a bag: a few hundred histories need not draw it."""
WANTED = EVERY - RARE
