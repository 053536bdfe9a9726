"""Order of the steps, the page of a course, the timeline, the day's worklist."""
