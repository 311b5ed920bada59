"""The journal: every admitted message, appended to files in the run's folder, so that nothing is lost and no step is
learned from twice."""
