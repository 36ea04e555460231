"""The planner: one micro-batch of a whole job, and the searches made before a run."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import assignment
import grouping
import joint_node
import microstep
import prefetch
import ranks_per_token
import remote_copies
import replicas
import rows

# A module a family of metrics: measure(area) verifies, then adds its rows. area.folder: the programs built here.
FAMILIES = (microstep, assignment, replicas, joint_node, prefetch, grouping, remote_copies, ranks_per_token)

area = rows.Area("planner", __doc__)
area.folder = rows.build("//tests/bench/planner:all")
for family in FAMILIES:
    family.measure(area)
sys.exit(area.finish())
