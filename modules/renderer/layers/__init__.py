"""What is laid behind a head, or over a true frame: layers of pixels, not of rays."""
