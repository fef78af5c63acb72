"""What is measured: one module an arm, each run as a process of its own."""
