"""Counts the cases of a Bazel test run.

tally.py STAGE EVENTS_FILE BAZEL_STATUS COUNTS_FILE

EVENTS_FILE is what `bazel test --build_event_json_file` wrote. COUNTS_FILE gets "PASSED FAILED SKIPPED"; the
cases that failed are printed, and those that were skipped, with their reasons.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

FAILED_STATES = {
    "FAILED",
    "TIMEOUT",
    "INCOMPLETE",
    "REMOTE_FAILURE",
    "FAILED_TO_BUILD",
    "TOOL_HALTED_BEFORE_TESTING",
}


def cases_of(xml_text):
    """[(name, state, message)] of one JUnit or GoogleTest XML file; state is passed, failed or skipped."""
    cases = []
    for case in ElementTree.fromstring(xml_text).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        bad = [child for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped")
        if bad:
            cases.append((name, "failed", (bad[0].get("message") or bad[0].text or "").strip()))
        elif skipped is not None or case.get("result") == "skipped":
            reason = ((skipped.get("message") or skipped.text or "") if skipped is not None else "").strip()
            # GoogleTest puts "file:line" before what the test said.
            lines = [line for line in reason.splitlines() if line and not line.startswith("Skipped")]
            cases.append((name, "skipped", " ".join(lines[1:] if len(lines) > 1 else lines)))
        elif case.get("status") == "notrun":
            cases.append((name, "failed", "the case is disabled"))
        else:
            cases.append((name, "passed", ""))
    return cases


def read(uri):
    with open(
        urllib.parse.unquote(urllib.parse.urlparse(uri).path), encoding="utf-8", errors="replace"
    ) as file:
        return file.read()


def tally(events, status, read_xml=read):
    """(cases, problems): every case of the run, and lines on targets that gave none."""
    cases, problems, results, expected = [], [], {}, set()
    for event in events:
        key = event.get("id", {})
        if "testResult" in key and "testResult" in event:
            results.setdefault(key["testResult"]["label"], []).append(event["testResult"])
        elif "testSummary" in key and "testSummary" in event:
            expected.add(key["testSummary"]["label"])
        elif "targetCompleted" in key and "completed" in event:
            if not event["completed"].get("success"):
                problems.append(f"{key['targetCompleted']['label']}: not built")
        elif "aborted" in event and event["aborted"].get("reason") not in ("SKIPPED", "NO_BUILD"):
            label = next((value.get("label", "") for value in key.values() if isinstance(value, dict)), "")
            text = event["aborted"].get("description", "").strip() or event["aborted"].get("reason", "")
            problems.append(f"{label or 'build'}: {text}")
    for label, attempts in sorted(results.items()):
        result = attempts[-1]
        xml = next(
            (out["uri"] for out in result.get("testActionOutput", []) if out["name"] == "test.xml"), None
        )
        found, readable = [], True
        try:
            found = cases_of(read_xml(xml)) if xml else []
        except (OSError, ElementTree.ParseError):
            readable = False
        failed = result.get("status") in FAILED_STATES
        if failed and not any(state == "failed" for _, state, _ in found):
            found.append(("", "failed", f"{result.get('status')}: see its log"))
        if not failed and not found:
            # Bazel writes a case for a program that writes no XML; a file without any is a program that ran none.
            found.append(("", "skipped", "none of its cases ran") if xml and readable else ("", "passed", ""))
        cases += [(f"{label} {name}".strip(), state, message) for name, state, message in found]
    for label in sorted(expected - set(results) - {problem.split(": ")[0] for problem in problems}):
        problems.append(f"{label}: did not run")
    if status not in (0, 4) and not problems and not any(state == "failed" for _, state, _ in cases):
        problems.append(f"Bazel ended with status {status}")
    return cases, sorted(set(problems))


def main():
    stage, events_path, status, counts_path = sys.argv[1:]
    try:
        with open(events_path, encoding="utf-8") as file:
            events = [json.loads(line) for line in file if line.strip()]
    except OSError:
        events = []
    cases, problems = tally(events, int(status))
    counts = {"passed": 0, "failed": len(problems), "skipped": 0}
    for name, state, message in cases:
        counts[state] += 1
        if state == "failed":
            print(f"FAILED  {stage}: {name}: {message.splitlines()[0] if message else ''}")
        if state == "skipped":
            print(f"skipped {stage}: {name}: {message or 'no reason given'}")
    for line in problems:
        print(f"FAILED  {stage}: {line}")
    with open(counts_path, "w", encoding="utf-8") as file:
        file.write(f"{counts['passed']} {counts['failed']} {counts['skipped']}\n")


if __name__ == "__main__":
    main()
