"""What clouds sell: dated snapshots as plain text, compiled into one indexed file each, and the questions put to them.

Read by commands that must start fast, so a module here imports the contract only where it hands out its types.
"""
