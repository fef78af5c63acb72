"""Other packages, each run in a process (and where needed an environment) of its own.

To add a peer: one module here with a function ``run(task, result)``, see
`benchmarks.peers.contract`, and one line in `benchmarks._peers.PEERS`.
"""
