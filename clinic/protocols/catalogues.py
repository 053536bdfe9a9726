"""All that a protocol may choose from, under one name. A new test, instrument, route or source is one entry."""

from __future__ import annotations

from clinic.protocols.catalogue import UCUM, labels, within
from clinic.protocols.cells import (
    ANESTHESIA,
    ANTICOAGULANTS,
    CELL_TYPES,
    HARVESTS,
    MANIPULATIONS,
    METHODS,
    SOURCES,
    class_name,
)
from clinic.protocols.conditions import CONDITIONS, FIELDS
from clinic.protocols.delivery import (
    BODY_SITES,
    COUNTS,
    CRYOPRESERVED_EVENTS,
    DOSE_MEASURES,
    LATE_EVENTS,
    ROUTES,
    SIDES,
    Delivery,
)
from clinic.protocols.instruments import INSTRUMENTS, change, responder, score_fault, threshold, values
from clinic.protocols.qc_tests import BLOOD_GROUPS, CLEAN, MARKERS, QC_TESTS, REACTIVE

__all__ = [
    "ANESTHESIA",
    "ANTICOAGULANTS",
    "BLOOD_GROUPS",
    "BODY_SITES",
    "CELL_TYPES",
    "CLEAN",
    "CONDITIONS",
    "COUNTS",
    "CRYOPRESERVED_EVENTS",
    "DOSE_MEASURES",
    "FIELDS",
    "HARVESTS",
    "INSTRUMENTS",
    "LATE_EVENTS",
    "MANIPULATIONS",
    "MARKERS",
    "METHODS",
    "QC_TESTS",
    "REACTIVE",
    "ROUTES",
    "SIDES",
    "SOURCES",
    "UCUM",
    "Delivery",
    "change",
    "class_name",
    "labels",
    "responder",
    "score_fault",
    "threshold",
    "values",
    "within",
]
