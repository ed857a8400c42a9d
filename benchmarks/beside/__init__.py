"""What benchmarks beside peers are made of: the stub, the measuring, and each system's own workload."""
