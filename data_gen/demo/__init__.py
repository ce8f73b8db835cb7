"""A made presenter: portrait, voice and exact ground truth, from nothing but what pip brings."""
