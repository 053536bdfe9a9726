"""A file that adds to the catalogues, as a clinic of the tests would write it."""

from __future__ import annotations

ADDED = """
[instruments.majeed]
label = "Majeed pelvic score"
aliases = ["MPS"]
unit = "points"
lowest = 0
highest = 100
decimals = 1
better = "higher"
mcid = 10
mcid_source = "Example et al. 2020"

[instruments.skin_stage]
label = "Skin sclerosis, stage"
lowest = 1
better = "lower"
grades = ["soft", ["firm", "F"], ["bound down", "BD"]]
mcid = 1
mcid_source = "one stage"

[conditions.sacroiliitis]
label = "Sacroiliitis"
field = "orthopedics"
sites = ["hip", "knee"]
aliases = ["SIJ pain"]
"""
