import unittest

from bazel.check import tally

GOOGLETEST = """<testsuites><testsuite name="A">
<testcase name="Passes" status="run" result="completed" classname="A"/>
<testcase name="Fails" status="run" result="completed" classname="A"><failure message="want 1"/></testcase>
<testcase name="Skips" status="run" result="skipped" classname="A">
<skipped message="/x/a_test.cc:3&#x0A;no GPU here"/></testcase>
</testsuite></testsuites>"""


def result(label, status="PASSED", xml="file:///a.xml"):
    outputs = [{"name": "test.xml", "uri": xml}] if xml else []
    return {
        "id": {"testResult": {"label": label}},
        "testResult": {"status": status, "testActionOutput": outputs},
    }


class Cases(unittest.TestCase):
    def test_each_case_has_its_state_and_a_skip_its_reason(self):
        self.assertEqual(
            tally.cases_of(GOOGLETEST),
            [
                ("A.Passes", "passed", ""),
                ("A.Fails", "failed", "want 1"),
                ("A.Skips", "skipped", "no GPU here"),
            ],
        )

    def test_a_disabled_case_counts_as_failed(self):
        text = '<testsuite><testcase name="B" status="notrun" classname="A"/></testsuite>'
        self.assertEqual(tally.cases_of(text)[0][1], "failed")


class Tally(unittest.TestCase):
    def test_cases_of_all_targets_are_counted(self):
        events = [result("//a"), result("//b")]
        cases, problems = tally.tally(events, 3, lambda uri: GOOGLETEST)
        self.assertEqual([state for _, state, _ in cases].count("passed"), 2)
        self.assertEqual(problems, [])

    def test_a_program_that_dies_without_a_failed_case_counts_as_one(self):
        passing = '<testsuite><testcase name="B" status="run" classname="A"/></testsuite>'
        cases, _ = tally.tally([result("//a", "FAILED")], 3, lambda uri: passing)
        self.assertEqual([state for _, state, _ in cases], ["passed", "failed"])

    def test_a_program_that_skips_itself_is_skipped_not_passed(self):
        skipping = (
            '<testsuites tests="1" failures="0"><testsuite name="A" tests="1" skipped="1">'
            '<testcase name="B" status="run" result="skipped" classname="A">'
            '<skipped message="/x/a_gpu_test.cc:3&#x0A;no GPU"/></testcase></testsuite></testsuites>'
        )
        cases, _ = tally.tally([result("//a")], 0, lambda uri: skipping)
        self.assertEqual(cases, [("//a A.B", "skipped", "no GPU")])
        cases, _ = tally.tally([result("//a")], 0, lambda uri: '<testsuites tests="0"/>')
        self.assertEqual(cases, [("//a", "skipped", "none of its cases ran")])

    def test_a_timeout_without_an_xml_file_counts_as_failed(self):
        cases, _ = tally.tally([result("//a", "TIMEOUT", None)], 3)
        self.assertEqual(cases, [("//a", "failed", "TIMEOUT: see its log")])

    def test_a_target_that_does_not_build_is_one_problem(self):
        events = [
            {"id": {"targetCompleted": {"label": "//a"}}, "completed": {"success": False}},
            {"id": {"testSummary": {"label": "//a"}}, "testSummary": {"overallStatus": "FAILED_TO_BUILD"}},
        ]
        self.assertEqual(tally.tally(events, 1), ([], ["//a: not built"]))

    def test_a_run_that_broke_before_any_target_is_a_problem(self):
        self.assertEqual(tally.tally([], 37), ([], ["Bazel ended with status 37"]))

    def test_an_incompatible_target_is_no_problem(self):
        events = [{"id": {"targetCompleted": {"label": "//a"}}, "aborted": {"reason": "SKIPPED"}}]
        self.assertEqual(tally.tally(events, 0), ([], []))


if __name__ == "__main__":
    unittest.main()
