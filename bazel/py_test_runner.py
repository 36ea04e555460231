"""Runs the unittest file given as the argument and writes its cases as JUnit XML to $XML_OUTPUT_FILE."""

import importlib.util
import os
import sys
import time
import unittest
import xml.etree.ElementTree as ElementTree


class XmlResult(unittest.TextTestResult):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.suite = ElementTree.Element("testsuite")
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        class_name, _, name = test.id().rpartition(".")
        self.case = ElementTree.SubElement(self.suite, "testcase", classname=class_name, name=name)

    def stopTest(self, test):
        self.case.set("time", f"{time.monotonic() - self.started:.3f}")
        super().stopTest(test)

    def _note(self, kind, message):
        # A failure outside any test (setUpClass, say) has no case of its own.
        case = getattr(self, "case", None)
        if case is None:
            case = ElementTree.SubElement(self.suite, "testcase", classname="setup", name=kind)
        ElementTree.SubElement(case, kind, message=message)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note("failure", str(err[1]))

    def addError(self, test, err):
        super().addError(test, err)
        self._note("error", str(err[1]))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note("failure", f"{subtest}: {err[1]}")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note("skipped", reason)


def main():
    path = sys.argv[1]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    sys.path.insert(0, os.getcwd())
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[: -len(".py")], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = unittest.TextTestRunner(verbosity=2, resultclass=XmlResult).run(suite)
    xml = os.environ.get("XML_OUTPUT_FILE")
    if xml:
        ElementTree.ElementTree(result.suite).write(xml, encoding="utf-8", xml_declaration=True)
    if result.testsRun == 0:
        sys.exit(f"{path}: no test in it")
    sys.exit(0 if result.wasSuccessful() else 1)


main()
