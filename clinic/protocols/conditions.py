"""What is treated: fields of medicine and the conditions in them."""

from __future__ import annotations

from dataclasses import dataclass

from clinic.protocols.catalogue import Catalogue, Entry, gone
from clinic.protocols.delivery import BODY_SITES, CORD, DISCS, JOINTS, LIGAMENTS, TENDONS

FIELDS = Catalogue(
    Entry(key="orthopedics", label="Orthopedics"),
    Entry(key="neurology", label="Neurology"),
    Entry(key="cardiology", label="Cardiology"),
    Entry(key="autoimmune", label="Autoimmune disease"),
    Entry(key="hematology", label="Hematology"),
    Entry(key="respiratory", label="Respiratory medicine"),
    Entry(key="wellness", label="Anti-aging and wellness"),
)


@dataclass(frozen=True, kw_only=True)
class Condition(Entry):
    """One indication. ``sites``: where it can be, keys of `BODY_SITES`; none for a disease of the whole body.

    ``unproven``: the protocol must state its evidence, ethics approval and regulatory path, and the consent shows
    them (rule 74). ``malignant``: a present malignancy is the indication, not an exclusion (rule 23).
    """

    field: str
    sites: tuple[str, ...] = ()
    unproven: bool = False
    malignant: bool = False

    @property
    def sided(self) -> bool:
        """Whether a side belongs to it."""
        return any(BODY_SITES[site].sided for site in self.sites)


CONDITIONS = Catalogue(
    Condition(key="osteoarthritis", label="Osteoarthritis", field="orthopedics", sites=JOINTS, aliases=("oa",)),
    Condition(key="cartilage_damage", label="Cartilage damage", field="orthopedics", sites=JOINTS),
    Condition(key="tendon_injury", label="Tendon injury", field="orthopedics", sites=TENDONS),
    Condition(key="ligament_tear", label="Ligament tear", field="orthopedics", sites=LIGAMENTS),
    Condition(key="degenerative_joint_disease", label="Degenerative joint disease", field="orthopedics", sites=JOINTS),
    Condition(key="degenerative_disc_disease", label="Degenerative disc disease", field="orthopedics", sites=DISCS),
    Condition(key="spinal_cord_injury", label="Spinal cord injury", field="neurology", sites=CORD, aliases=("sci",)),
    Condition(key="stroke", label="Stroke recovery", field="neurology"),
    Condition(key="parkinson", label="Parkinson's disease", field="neurology", aliases=("pd",)),
    Condition(key="multiple_sclerosis", label="Multiple sclerosis", field="neurology", aliases=("ms",)),
    Condition(key="als", label="Amyotrophic lateral sclerosis", field="neurology"),
    Condition(key="myocardial_infarction", label="Heart damage after infarction", field="cardiology", aliases=("mi",)),
    Condition(key="heart_failure", label="Heart failure", field="cardiology", aliases=("hf",)),
    Condition(key="rheumatoid_arthritis", label="Rheumatoid arthritis", field="autoimmune", aliases=("ra",)),
    Condition(key="lupus", label="Systemic lupus erythematosus", field="autoimmune", aliases=("sle",)),
    Condition(key="crohn", label="Crohn's disease", field="autoimmune"),
    Condition(key="crohn_fistula", label="Crohn's perianal fistula", field="autoimmune", sites=("perianal_fistula",)),
    Condition(key="all", label="Acute lymphoblastic leukemia", field="hematology", malignant=True),
    Condition(key="aml", label="Acute myeloid leukemia", field="hematology", malignant=True),
    Condition(key="chronic", label="Chronic hematologic malignancy", field="hematology", malignant=True),
    Condition(key="lymphoma", label="Lymphoma", field="hematology", malignant=True),
    Condition(key="multiple_myeloma", label="Multiple myeloma", field="hematology", malignant=True),
    Condition(key="nonmalignant", label="Non-malignant disease of blood or immunity", field="hematology"),
    Condition(key="hemoglobinopathy", label="Sickle cell disease or beta-thalassemia", field="hematology"),
    Condition(key="gvhd", label="Graft versus host disease", field="hematology"),
    Condition(key="bpd", label="Bronchopulmonary dysplasia", field="respiratory"),
    Condition(key="age_related_decline", label="Age-related decline", field="wellness", unproven=True),
    Condition(key="skin_aging", label="Skin aging", field="wellness", sites=("face", "scalp"), unproven=True),
    Condition(key="general_wellness", label="General wellness", field="wellness", unproven=True),
    gone=lambda key: Condition(key=key, label=gone(key), gone=True, field=""),
)
