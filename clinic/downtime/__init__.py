"""Downtime: what is copied from paper after an outage, and the kit that is printed before one."""
