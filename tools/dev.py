"""Entry point of ./dev: hands the command line to devtool.cli."""

import sys

from devtool.cli import main

sys.exit(main(sys.argv[1:]))
