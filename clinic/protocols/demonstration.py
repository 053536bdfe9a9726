"""The demonstration protocols by code, field by field."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from clinic.protocols.demonstration_hematology import HEMATOLOGY
from clinic.protocols.demonstration_medicine import AUTOIMMUNE, CARDIOLOGY, RESPIRATORY, WELLNESS
from clinic.protocols.demonstration_neurology import NEUROLOGY
from clinic.protocols.demonstration_orthopedics import ORTHOPEDICS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clinic.protocols.content import Content

DEMONSTRATIONS: Mapping[str, Content] = MappingProxyType(
    {**ORTHOPEDICS, **NEUROLOGY, **CARDIOLOGY, **AUTOIMMUNE, **HEMATOLOGY, **RESPIRATORY, **WELLNESS}
)
