"""Events, state and commands over MQTT."""
