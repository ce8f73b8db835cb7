"""Attacks on the whole project: kills, hunger, bad food, open doors."""
