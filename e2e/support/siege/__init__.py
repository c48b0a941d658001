"""A server under siege: real clients work on it, it is killed at chosen points, and at the end its state is held against what they were told.

`outside` is what the server cannot take with it when it dies: the ledger that tools write, the model, and the trap that kills. `clients` are
the people at work. `house` is one server with all of that; `findings` compares.
"""
