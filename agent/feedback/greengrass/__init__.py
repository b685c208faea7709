"""AWS IoT Greengrass: the nucleus that runs the agent takes its events to IoT Core."""
