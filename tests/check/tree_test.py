import os
import tempfile
import unittest

from bazel.check import tree

COPY = 'grouter_cc_test(\n    name = "reader_test",\n)\n'


class Tree(unittest.TestCase):
    def findings(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(text)
            return tree.findings(root, sorted(files))

    def test_a_source_with_its_test_in_a_target_passes(self):
        files = {"io/reader.cc": "", "tests/io/reader_test.cc": "", "tests/io/BUILD": COPY}
        self.assertEqual(self.findings(files), [])

    def test_a_source_without_its_test_is_found(self):
        found = self.findings({"routing/table/reader.cc": "", "tests/routing/table/BUILD": COPY})
        self.assertEqual(
            found,
            ["routing/table/reader.cc has no mirror test: tests/routing/table/reader_test.cc is missing"],
        )

    def test_a_test_that_no_target_names_is_found(self):
        files = {"io/reader.cc": "", "tests/io/reader_test.cc": "", "tests/io/BUILD": ""}
        self.assertEqual(
            self.findings(files), ["tests/io/reader_test.cc is in no target: name it in tests/io/BUILD"]
        )

    def test_python_sources_need_a_test_too(self):
        found = self.findings({"client/python/grouter/plan.py": ""})
        self.assertIn("tests/client/python/grouter/plan_test.py is missing", found[0])

    def test_a_main_needs_no_test_and_stays_short(self):
        self.assertEqual(self.findings({"server/main.cc": "int x;\n" * 40}), [])
        self.assertIn("more than 40", self.findings({"server/main.cc": "int x;\n" * 41})[0])

    def test_a_file_beyond_800_lines_is_found(self):
        self.assertEqual(self.findings({"io/reader.h": "\n" * 800}), [])
        self.assertIn("801 lines", self.findings({"io/reader.h": "\n" * 801})[0])

    def test_a_header_and_its_source_are_one_unit_and_a_room_holds_fifteen(self):
        files = {f"io/unit{i}.h": "" for i in range(15)}
        self.assertEqual(self.findings(files), [])
        files["io/unit15.h"] = ""
        self.assertIn("io/ holds 16 units", self.findings(files)[0])

    def test_unfinished_work_is_found(self):
        found = self.findings({"io/reader.h": "// TO" + "DO: more\n"})
        self.assertIn("io/reader.h:1: unfinished", found[0])

    def test_a_disabled_test_and_a_skip_without_a_reason_are_found(self):
        files = {
            "tests/io/a_test.cc": "TEST(A, DISABLED" + "_B) {}\n",
            "tests/io/b_test.cc": "GTEST_SKIP() ;\n",
        }
        self.assertEqual(len(self.findings(files)), 2)


if __name__ == "__main__":
    unittest.main()
