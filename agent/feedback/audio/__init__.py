"""Audio cues: what each emotion sounds like, when it may sound, and a player that outlives devices.

The device is driven by a process of its own (`output`), so that nothing which hangs or crashes in a
sound library can take the agent with it, and what such libraries print stays out of the log.
"""
