"""What tells one version from another; tests replace this file."""

VERSION = "1"
# Every so many requests one answers 500; 0 = none.
FAIL_EVERY = 0
# Each answer is so late.
DELAY_MS = 0
