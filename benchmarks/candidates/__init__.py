"""What a user would take instead of this agent, each behind the same small program.

A candidate runs in a process and an environment of its own; `table` lists them, `measuring` is the
loop that all of them share.
"""
