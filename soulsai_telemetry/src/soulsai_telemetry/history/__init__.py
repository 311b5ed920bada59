"""From episode reports and node statuses to the run's history: measuring, averaging and storing."""
