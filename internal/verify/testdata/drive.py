#!/usr/bin/env python3
"""Serves docs/verify.py to the tests that compare both verifiers.

Each line of standard input is a question, {"copy": DIR, "prefix": "", "key": TEXT, "checkpoint": FILE or ""}, with "bot", "day" and
"session" if not everything is to be checked, and each is answered by one line, {"ok": bool, "failures": [{"kind", "botId", "date", "sessionId", "key", "text"}]}. Nothing is written to the disk.
"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "docs"))

import verify  # noqa: E402  (it is found by the path above)


def answer(question: dict) -> dict:
    report = verify.Report()
    try:
        key = verify.parse_public_key(question["key"].strip())
    except verify.Problem as problem:
        report.fail("checkpoint", f"the public key does not hold: {problem}")
    else:
        kept = verify.read_kept(question["checkpoint"], key, report) if question.get("checkpoint") else None
        copy = verify.Copy(question["copy"])
        selection = verify.Selection(question.get("bot", ""), question.get("day", ""), question.get("session", ""))
        verify.Verifier(copy, question.get("prefix", ""), key, selection, report).verify(kept)
    return {"ok": not report.failures, "failures": [failure._asdict() for failure in report.failures]}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
