"""Verdicts on data and runs, for every family: good, fair or poor, with the figure and the remedy."""
