"""How well algorithms learn: settings and seeds in files, results as JSON lines, tables and curves."""
