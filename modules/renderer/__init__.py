"""BlendPlane-NeRF: a head and its torso, drawn from 68 landmarks and a camera."""
