"""Everything is killed while everything is used: who loads, who kills, who judges."""
