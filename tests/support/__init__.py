"""What the tests use to drive programs, Redis servers and the network between them."""
