"""The pathway: the steps of a course in their order. Pages that cross steps loop over it and name none."""

from __future__ import annotations

from clinic.administration.step import ADMINISTRATION
from clinic.consent.step import CONSENT
from clinic.eligibility.step import ELIGIBILITY
from clinic.followup.step import FOLLOW_UP
from clinic.harvest.step import HARVEST
from clinic.processing.step import PROCESSING
from clinic.release.step import RELEASE
from clinic.steps import Pathway

PATHWAY = Pathway((CONSENT, ELIGIBILITY, HARVEST, PROCESSING, RELEASE, ADMINISTRATION, FOLLOW_UP))
