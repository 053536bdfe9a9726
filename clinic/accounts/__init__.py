"""Staff: accounts, sign-in and its throttle, sessions and their limits, the sites."""
