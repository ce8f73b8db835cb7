"""How long tests wait for what must come: no test rests on how quick a machine is."""

HANG_S = 1200
"""What has not come by then hangs."""
