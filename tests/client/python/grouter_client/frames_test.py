"""Plan messages read where they lie, against the generated messages."""

import random
import unittest

from tests.client.python import served_plans

client = served_plans.import_client()

from grouter.v1 import plan_pb2, plan_service_pb2  # noqa: E402
from grouter_client import frames  # noqa: E402


def made_message(draw):
    message = plan_service_pb2.StreamPlansResponse()
    for _ in range(draw.randrange(5)):
        position = plan_pb2.PlanPosition(
            step=draw.choice([0, 1, 1 << 40]), payload_offset_bytes=draw.choice([0, 7, 1 << 33])
        )
        if draw.random() < 0.7:
            position.micro_batch = draw.choice([0, 3, 1 << 31])
        data = draw.randbytes(draw.choice([0, 1, 127, 128, 70000]))
        message.frames.append(
            plan_pb2.PlanFrame(position=position, payload_bytes=draw.randrange(1 << 34), data=data)
        )
    return message


class FramesTest(unittest.TestCase):
    def test_frames_are_the_generated_messages(self):
        draw = random.Random(7)
        for _ in range(200):
            message = made_message(draw)
            read = frames.read_frames(message.SerializeToString())
            self.assertEqual(len(read), len(message.frames))
            for frame, expected in zip(read, message.frames):
                position = expected.position
                self.assertEqual(
                    (frame.step, frame.payload_offset_bytes, frame.payload_bytes, bytes(frame.data)),
                    (position.step, position.payload_offset_bytes, expected.payload_bytes, expected.data),
                )
                has = position.HasField("micro_batch")
                self.assertEqual(frame.micro_batch, position.micro_batch if has else None)

    def test_data_is_a_view_of_the_message(self):
        frame = plan_pb2.PlanFrame(payload_bytes=3, data=b"abc")
        message = plan_service_pb2.GetPlanResponse(frames=[frame]).SerializeToString()
        (read,) = frames.read_frames(message)
        self.assertIs(read.data.obj, message)

    def test_fields_that_this_version_does_not_know_are_skipped(self):
        frame = plan_pb2.PlanFrame(position=plan_pb2.PlanPosition(step=5), payload_bytes=3, data=b"abc")
        unknown = b"\x78\x05" + b"\x7d" + bytes(4) + b"\x79" + bytes(8) + b"\x7a\x02hi"
        body = frame.SerializeToString() + unknown
        message = unknown + b"\x0a" + bytes([len(body)]) + body
        (read,) = frames.read_frames(message)
        self.assertEqual((read.step, bytes(read.data)), (5, b"abc"))

    def test_a_message_cut_anywhere_is_an_error_or_has_fewer_frames(self):
        draw = random.Random(8)
        message = made_message(draw)
        while len(message.frames) < 2:
            message = made_message(draw)
        whole = message.SerializeToString()
        for size in sorted({0, 1, 2, 3, len(whole) - 1, *(draw.randrange(len(whole)) for _ in range(50))}):
            try:
                self.assertLess(len(frames.read_frames(whole[:size])), len(message.frames))
            except ValueError:
                pass
        with self.assertRaises(ValueError):
            frames.read_frames(b"\x0f")
        with self.assertRaises(ValueError):
            frames.read_frames(b"\xff" * 12)

    def test_a_part_in_one_frame_is_not_copied_and_one_in_several_is_put_together(self):
        parts = frames.PartReader()
        data = memoryview(b"0123456789")
        self.assertIs(parts.add(frames.Frame(0, None, 0, 10, data)), data)
        self.assertIsNone(parts.add(frames.Frame(0, 0, 0, 10, data[:4])))
        self.assertIsNone(parts.add(frames.Frame(0, 0, 4, 10, data[4:4])))
        joined = parts.add(frames.Frame(0, 0, 4, 10, data[4:]))
        self.assertEqual(bytes(joined), b"0123456789")
        self.assertTrue(joined.readonly)
        with self.assertRaises(ValueError):
            parts.add(frames.Frame(0, 0, 0, 3, data))
            parts.add(frames.Frame(0, 0, 0, 3, data))


if __name__ == "__main__":
    unittest.main()
