"""The gradient check: numerical derivatives of the production network against its own."""
