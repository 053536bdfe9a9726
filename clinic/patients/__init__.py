"""Patients, donors and their eligibility, consent and its withdrawal."""
