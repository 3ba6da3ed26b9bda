"""What the tests need around them: real servers, faulty networks, a browser."""
