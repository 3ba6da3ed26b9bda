"""The platforms the sandbox plays: one module each, which gives its routes."""
