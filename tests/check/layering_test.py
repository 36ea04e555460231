import os
import tempfile
import unittest

from bazel.check import layering


def graph(*edges):
    lines = "\n".join(f'  "{source} (abc)" -> "{target} (abc)"' for source, target in edges)
    return layering.parse_graph("digraph mygraph {\n  node [shape=box];\n" + lines + "\n}\n")


class Arrows(unittest.TestCase):
    def test_allowed_edges_give_no_finding(self):
        edges = graph(
            ("//data:sample_index", "//io:file"),
            ("//routing/planning:batch", "//data:sample_index"),
            ("//routing/planning:batch", "//routing/table:reader"),
            ("//server:grouter_server", "//third_party/grpc:grpc"),
            ("//third_party/grpc:grpc", "//third_party/protobuf:protobuf"),
            ("//trainer:grouter_trainer", "//client:grpc_source"),
            ("//client:grpc_source", "//third_party/grpc:grpc"),
            ("//trainer:grouter_trainer", "//third_party/libtorch:libtorch"),
        )
        self.assertEqual(layering.violations(edges), [])

    def test_a_planted_edge_from_planning_to_the_server_is_named(self):
        found = layering.violations(graph(("//routing/planning:batch", "//server:cache")))
        self.assertEqual(len(found), 1)
        self.assertIn("//routing/planning:batch may not depend on //server:cache", found[0])

    def test_io_uses_no_room(self):
        self.assertIn("no room", layering.violations(graph(("//io:file", "//data:corpus")))[0])

    def test_planning_sees_nothing_of_data_but_the_sample_index(self):
        found = layering.violations(graph(("//routing/planning:batch", "//data/tokenizer:bpe")))
        self.assertIn("sample index alone", found[0])

    def test_torch_that_the_server_reaches_through_others_is_found_with_its_path(self):
        edges = graph(
            ("//server:grouter_server", "//proto:codec"),
            ("//proto:codec", "//io:file"),
            ("//io:file", "//third_party/libtorch:libtorch"),
        )
        found = layering.violations(edges)
        self.assertIn(
            "//server:grouter_server may not reach third_party/libtorch: "
            "//server:grouter_server -> //proto:codec -> //io:file -> //third_party/libtorch:libtorch",
            found,
        )

    def test_kernels_reach_neither_torch_nor_grpc(self):
        for forbidden in ("libtorch", "grpc", "protobuf"):
            with self.subTest(forbidden):
                edges = graph(("//kernels:gemm", f"//third_party/{forbidden}:{forbidden}"))
                self.assertEqual(len(layering.violations(edges)), 1)

    def test_a_trainer_library_may_not_join_torch_and_grpc_but_its_program_may(self):
        library = graph(
            ("//trainer:step", "//client:grpc_source"), ("//client:grpc_source", "//third_party/grpc:grpc")
        )
        program = graph(
            ("//trainer:plan_source_factory", "//client:grpc_source"),
            ("//client:grpc_source", "//third_party/grpc:grpc"),
        )
        self.assertIn("//trainer:step may not reach third_party/grpc", layering.violations(library)[0])
        self.assertEqual(layering.violations(program), [])

    def test_production_code_may_not_use_a_test_library(self):
        found = layering.violations(graph(("//client:source", "//tests/testing:fakes")))
        self.assertIn("production code knows no test", found[0])


class Headers(unittest.TestCase):
    def findings(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return layering.header_violations(root)

    def test_a_client_header_without_protobuf_passes(self):
        self.assertEqual(
            self.findings({"client/plan_source.h": '#include "io/error.h"\n', "io/error.h": ""}), []
        )

    def test_generated_protobuf_behind_another_header_is_found(self):
        files = {
            "trainer/step.h": '#include "proto/codec.h"\n',
            "proto/codec.h": '#include "grouter/v1/plan.pb.h"\n',
        }
        self.assertEqual(
            self.findings(files),
            [
                "trainer/step.h may not show protobuf or gRPC to who includes it: "
                "trainer/step.h -> proto/codec.h -> grouter/v1/plan.pb.h"
            ],
        )

    def test_the_wire_side_of_a_room_may_show_grpc_but_not_through_the_rooms_own_headers(self):
        wire = {"client/stream/call.h": "#include <grpcpp/grpcpp.h>\n"}
        self.assertEqual(self.findings(wire), [])
        wire["client/source.h"] = '#include "client/stream/call.h"\n'
        self.assertIn("client/source.h may not show protobuf", self.findings(wire)[0])

    def test_a_source_file_may_include_what_its_header_may_not(self):
        self.assertEqual(self.findings({"client/source.cc": "#include <grpcpp/grpcpp.h>\n"}), [])


if __name__ == "__main__":
    unittest.main()
