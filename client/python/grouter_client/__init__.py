"""Grouter plans in Python: a stream of plans from a routing server, decoded as NumPy views.

with grouter_client.PlanStream("head:50051", job_digest, rank=0) as stream:
    for step in stream:
        for plan in step.micro_batches:
            ids = plan.layer_groups[0].topk_ids(0)  # [tokens, k], no copy
"""

from grouter_client.credentials import Credentials, open_channel
from grouter_client.decode import (
    ChunkPlan,
    LayerGroupPlan,
    MicroBatchPlan,
    PlannedSample,
    RouteView,
    StepPart,
)
from grouter_client.decode import decode_micro_batch, decode_step
from grouter_client.replay import Slice, get_slice, ingest
from grouter_client.stream import PlanStream, Step, get_plan

__all__ = [
    "ChunkPlan",
    "Credentials",
    "LayerGroupPlan",
    "MicroBatchPlan",
    "PlanStream",
    "PlannedSample",
    "RouteView",
    "Slice",
    "Step",
    "StepPart",
    "decode_micro_batch",
    "decode_step",
    "get_plan",
    "get_slice",
    "ingest",
    "open_channel",
]
