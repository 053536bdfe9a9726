"""The patient's consent to a treatment, to use of data, to research, and its withdrawal."""
