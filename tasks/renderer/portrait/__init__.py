"""Lower faces: where they lie, what one learns from, how they are laid into true frames."""
