"""AWS IoT Greengrass v2: the component that a core device installs and runs, and its recipe."""
