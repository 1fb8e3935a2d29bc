"""A plugin for pytest that runs the suite of the Python SDK on this server, and sorts what fails.

Each dev server that a test starts is the binary in PERDURE_BIN. A failed test is sorted by what the server answered
UNIMPLEMENTED to it, first in the failure itself, else in what the test logged. One to which nothing was answered so is
listed as unexplained.
"""

import os
import re
from collections import Counter

import pytest
from temporalio.testing import WorkflowEnvironment

UNIMPLEMENTED = re.compile(r"([A-Za-z][\w ]{1,60}) is not implemented yet")
PROPERTY = "unimplemented"

start_dev_server = WorkflowEnvironment.start_local


async def start_local(*arguments, **options):
    options.pop("dev_server_download_version", None)
    options["dev_server_existing_path"] = os.environ["PERDURE_BIN"]
    return await start_dev_server(*arguments, **options)


async def start_time_skipping(*arguments, **options):
    pytest.skip("needs a test server that the SDK downloads")


WorkflowEnvironment.start_local = start_local
WorkflowEnvironment.start_time_skipping = start_time_skipping


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    if report.failed:
        for text in [report.longreprtext, *(content for _, content in report.sections)]:
            found = UNIMPLEMENTED.findall(text)
            if found:
                report.user_properties.append((PROPERTY, found[0].strip()))
                break


def pytest_terminal_summary(terminalreporter):
    counted, unexplained = Counter(), []
    for report in [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]:
        named = dict(report.user_properties).get(PROPERTY) if hasattr(report, "user_properties") else None
        if named:
            counted[named] += 1
        else:
            unexplained.append(report.nodeid)
    terminalreporter.section("answered UNIMPLEMENTED")
    for named, count in counted.most_common():
        terminalreporter.write_line(f"{count:4} {named}")
    terminalreporter.section("unexplained")
    for nodeid in unexplained:
        terminalreporter.write_line(nodeid)
