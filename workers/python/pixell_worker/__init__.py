"""The Python worker of an agent: loads its modules and serves them on the sockets `par` names."""

__version__ = "0.1.0"
