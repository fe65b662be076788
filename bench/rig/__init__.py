"""What the benches of the data plane are built from: programs, proxies, load, measuring."""
