"""The reports of the clinic. A new one is a file beside this one and a name in this list."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from clinic.reports import (
    activity,
    cultures,
    engraftment,
    events,
    expectation,
    followup,
    funnel,
    outcomes,
    reactions,
    refused,
    registry_4000,
    registry_4003,
    registry_4006,
    registry_4100,
    registry_ebmt,
    releases,
    reporting,
    serious,
    signed,
    source_errors,
    stock,
    survival,
    tabulation,
    turnaround,
    vigilance,
    visits,
    volumes,
    yields,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.reports.report import Report

GROUPS = {
    "activity": "Activity",
    "outcomes": "Outcomes",
    "safety": "Safety",
    "cells": "Cells",
    "records": "Follow-up and records",
    "registries": "Registries",
}
_ALL = (
    activity,
    volumes,
    funnel,
    outcomes,
    survival,
    expectation,
    engraftment,
    reactions,
    refused,
    events,
    vigilance,
    tabulation,
    serious,
    stock,
    turnaround,
    releases,
    cultures,
    yields,
    visits,
    followup,
    signed,
    reporting,
    source_errors,
    registry_4000,
    registry_4003,
    registry_4006,
    registry_4100,
    registry_ebmt,
)
REPORTS: Mapping[str, Report] = MappingProxyType({module.REPORT.name: module.REPORT for module in _ALL})
"""Every report by the name in its address."""
