"""What platforms and hubs deliver to us, and how hubs are asked to."""
