"""The pathway: the steps of a course in their order. Pages that cross steps loop over it and name none."""

from __future__ import annotations

from clinic.administration.step import ADMINISTRATION
from clinic.followup.step import FOLLOW_UP
from clinic.harvest.step import HARVEST
from clinic.processing.release_step import RELEASE
from clinic.processing.step import PROCESSING
from clinic.treatments.step import CONSENT, ELIGIBILITY

PATHWAY = (CONSENT, ELIGIBILITY, HARVEST, PROCESSING, RELEASE, ADMINISTRATION, FOLLOW_UP)
