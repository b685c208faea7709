"""The inference API of MXNet Model Server, answered by this agent."""
