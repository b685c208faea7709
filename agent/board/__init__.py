"""The machine that the agent runs on: how warm it is, what it has left, how it is looked after."""
