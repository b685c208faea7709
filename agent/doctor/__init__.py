"""`emotion-agent doctor`: looks at each part that the agent needs and says what to do."""
