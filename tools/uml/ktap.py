# SPDX-License-Identifier: MIT
"""Sum up KUnit results: ktap.py FILE RUNNER_STATUS

One line per suite, the full text of each failed case, and as the last line
"N passed, N failed, N skipped".  A runner that failed counts as a failure.
"""

import re
import sys

RESULT = re.compile(r"^( *)(not )?ok \d+ -? ?([^#]*?)(?: *# *(SKIP.*)?)?$")
SUBTEST = re.compile(r"^ +# Subtest: (\S+)")
RUNNER = {124: "time-out", 125: "the guest did not run",
          126: "the kernel complained"}


class Suite:
    def __init__(self, name):
        self.name = name
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failures = []

    def case(self, failed, skip, text):
        if skip:
            self.counts["skipped"] += 1
        elif failed:
            self.counts["failed"] += 1
            self.failures.append(text)
        else:
            self.counts["passed"] += 1


def parse(lines):
    """Cases are indented by four; their own subtests by more."""
    suites, suite, text = [], None, []
    for line in lines:
        match = SUBTEST.match(line)
        if match and line.startswith("    #"):
            suite, text = Suite(match.group(1)), []
            suites.append(suite)
            continue
        text.append(line)
        match = RESULT.match(line)
        if not match or suite is None:
            continue
        indent, failed, _name, skip = match.groups()
        if indent == "    ":
            suite.case(failed, skip, text)
            text = []
        elif indent == "":
            # A suite that failed outside its cases, in suite_init.
            if failed and not suite.counts["failed"]:
                suite.case(failed, None, text)
            suite, text = None, []
    return suites


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as ktap:
        suites = parse(ktap.read().splitlines())
    runner = int(sys.argv[2])
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for suite in suites:
        for key, value in suite.counts.items():
            total[key] += value
        state = "FAIL" if suite.counts["failed"] else "ok"
        print(f"{state:4} {suite.name}: " +
              ", ".join(f"{v} {k}" for k, v in suite.counts.items()))
        for text in suite.failures:
            print("\n".join(text))
    if runner:
        print(f"FAIL runner: {RUNNER.get(runner, f'status {runner}')}")
        total["failed"] += 1
    elif not sum(total.values()):
        print("FAIL no suite ran")
        total["failed"] += 1
    print(", ".join(f"{v} {k}" for k, v in total.items()))
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
