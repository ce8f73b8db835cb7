"""Loops over rays and pixels for a processor, compiled by numba."""
