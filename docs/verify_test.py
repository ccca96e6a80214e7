#!/usr/bin/env python3
"""Tests of verify.py: python3 docs/verify_test.py

The archives are built here, from verification.md alone. The trees follow the page's definition literally, so that they share
nothing with the way in which verify.py computes them. SEED=n repeats a run, MUTATIONS=n tries more of them.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timezone
from typing import Any, Callable, Iterator, Optional

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import verify  # noqa: E402  (it is found by the path above)

SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
MUTATIONS = int(os.environ.get("MUTATIONS") or 150)

BOT, DATE = "st-1", "2024-03-05"
LISTS = ("getSessions", "interactionDetails")
DRIVER = os.path.join(HERE, "..", "internal", "verify", "testdata", "drive.py")


# ---- Signing: RFC 8032, section 5.1.6


class Signer:
    def __init__(self, name: str, secret: bytes) -> None:
        digest = hashlib.sha512(secret).digest()
        self.scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
        self.seed = digest[32:]
        self.name = name
        self.public = self.multiple_of_base(self.scalar)
        self.id = hashlib.sha256(name.encode() + b"\n\x01" + self.public).digest()[:4]

    @staticmethod
    def multiple_of_base(factor: int) -> bytes:
        return verify.encode_point(verify.sum_of_multiples(factor, verify.BASE, 0, verify.NEUTRAL))

    def key_text(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([1]) + self.public).decode()}"

    def sign(self, message: bytes) -> bytes:
        r = int.from_bytes(hashlib.sha512(self.seed + message).digest(), "little") % verify.ORDER
        point = self.multiple_of_base(r)
        k = int.from_bytes(hashlib.sha512(point + self.public + message).digest(), "little") % verify.ORDER
        return point + ((r + k * self.scalar) % verify.ORDER).to_bytes(32, "little")

    def signature_line(self, text: bytes) -> bytes:
        return b"\xe2\x80\x94 %s %s\n" % (self.name.encode(), base64.b64encode(self.id + self.sign(text)))

    def note(self, text: bytes) -> bytes:
        return text + b"\n" + self.signature_line(text)


SIGNER = Signer("example.org/archive", b"s" * 32)


# ---- Trees, by their definition


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def tree_hash(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, of leaf hashes."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha256(b"\x01" + tree_hash(hashes[:k]) + tree_hash(hashes[k:]))


# ---- Archives

Change = Callable[[str, dict], None]  # changes an "entry", "record", "row" or "manifest" before it is written


def to_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def stated(key: str, data: bytes) -> dict:
    return {"key": key, "bytes": len(data), "sha256": sha256(data).hex()}


def session_id(second: int, date: str = DATE) -> str:
    start = int(datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=timezone.utc).timestamp())
    return f"{start + second:08x}3242653c58d7aaaa"


class Archive:
    """A bucket that is written as the page says. `change` may falsify what is then sealed and signed as it is."""

    def __init__(self, prefix: str = "", change: Change = lambda kind, value: None) -> None:
        self.prefix, self.change = prefix, change
        self.objects: dict[str, bytes] = {}
        self.entries: list[bytes] = []
        self.records: dict[tuple[str, str, int], bytes] = {}

    def put(self, key: str, data: bytes) -> dict:
        self.objects[key] = data
        return stated(key, data)

    def session(self, second: int, outcome: str = "archived", listed_by: tuple = LISTS, bot: str = BOT,
                date: str = DATE, files: int = 2, attachments: tuple = ("call", "transcript")) -> dict:
        """Stores a session and gives its row."""
        session = session_id(second, date)
        folder = f"{self.prefix}{bot}/{date.replace('-', '/')}/{session}/"
        stored = [self.put(f"{folder}{n}.wav", f"sound {n} of {session}".encode() * 9) for n in range(files)]
        extra = [dict(self.put(f"{folder}{kind}.json", b'{"of":"%s"}' % kind.encode()), kind=kind) for kind in attachments]
        evidence = [{"status": "success", "first": f"{date}T12:00:00Z", "last": f"{date}T13:00:00.5Z", "count": 2}]
        manifest = {"botId": bot, "sessionId": session, "outcome": outcome, "evidence": evidence, "duration": 1.5,
                    "files": [dict(file, fileName="x", audio={"seconds": 1e3}) for file in stored], "attachments": extra}
        self.change("manifest", manifest)
        row = {"botId": bot, "sessionId": session, "listedBy": list(listed_by), "outcome": outcome, "status": "success",
               "callTime": datetime.fromtimestamp(int(session[:8], 16), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
               "manifest": self.put(f"{folder}manifest.json", to_json(manifest)), "files": stored,
               "bytes": sum(file["bytes"] for file in stored), "evidence": evidence,
               "purgeAt": "2024-04-05T00:00:00Z", "userHash": "ab" * 32}
        self.change("row", row)
        return row

    def seal(self, rows: list[dict], revision: int = 1, bot: str = BOT, date: str = DATE,
             unavailable: tuple = (), change: Optional[Change] = None) -> bytes:
        """Writes a revision of a day and gives its entry in the log."""
        change = change or self.change
        sealed_at = f"2024-03-{7 + revision:02d}T03:00:00Z"
        lines = [to_json(row) for row in rows]
        place = f"{self.prefix}days/{bot}/{date.replace('-', '/')}/r{revision}"
        of_rows = self.put(f"{place}.ndjson", b"".join(line + b"\n" for line in lines))
        tree = {"treeSize": len(lines), "treeRoot": tree_hash([sha256(b"\x00" + line) for line in lines]).hex()}
        counts, disagreement = self.count(rows, unavailable)
        record = {"version": 1, "botId": bot, "date": date, "revision": revision, "sealedAt": sealed_at,
                  "listings": [self.listing(name, len(rows), name in unavailable) for name in LISTS],
                  "counts": copy.deepcopy(counts), "rows": dict(of_rows, **tree), "newer": {"key": [1, 2.5, None]}}
        if any(disagreement.values()):
            record["disagreement"] = {name: ids for name, ids in disagreement.items() if ids}
        if revision > 1:
            before = f"{self.prefix}days/{bot}/{date.replace('-', '/')}/r{revision - 1}.json"
            record["previous"] = {"key": before, "sha256": sha256(self.records[bot, date, revision - 1]).hex()}
        change("record", record)
        data = to_json(record)
        self.records[bot, date, revision] = data
        self.put(f"{place}.json", data)
        entry = {"version": 1, "kind": "day", "botId": bot, "date": date, "revision": revision, "sealedAt": sealed_at,
                 "record": sha256(data).hex(), "counts": counts, **tree}
        change("entry", entry)
        self.entries.append(to_json(entry))
        return self.entries[-1]

    @staticmethod
    def listing(name: str, sessions: int, is_unavailable: bool) -> dict:
        listing = {"list": name, "at": "2024-03-07T03:00:00Z", "sessions": sessions, "calls": 1, "incomplete": ["page 2"]}
        if is_unavailable:
            listing["unavailable"] = "503"
        return listing

    @staticmethod
    def count(rows: list[dict], unavailable: tuple) -> tuple[dict, dict]:
        def with_lists(*lists: str) -> list[str]:
            return [row["sessionId"] for row in rows if tuple(row["listedBy"]) == lists]

        disagreement = {"onlyGetSessions": [] if unavailable else with_lists("getSessions"),
                        "onlyInteractionDetails": [] if unavailable else with_lists("interactionDetails"),
                        "unlisted": with_lists()}
        outcomes = [row["outcome"] for row in rows]
        counts = {"sessions": len(rows), "outcomes": {outcome: outcomes.count(outcome) for outcome in outcomes},
                  "files": sum(len(row["files"]) for row in rows), "bytes": sum(row["bytes"] for row in rows)}
        counts.update({name: len(ids) for name, ids in disagreement.items()})
        return counts, disagreement

    def write_log(self, size: Optional[int] = None) -> None:
        """Writes the tiles and the checkpoint of the entries so far."""
        entries = self.entries[:size]
        leaves = [sha256(b"\x00" + entry) for entry in entries]
        level, span = 0, 1
        while len(leaves) >= span:
            hashes = [tree_hash(leaves[i : i + span]) for i in range(0, len(leaves) - span + 1, span)]
            self.write_tiles(str(level), hashes)
            level, span = level + 1, span * 256
        self.write_tiles("entries", [len(entry).to_bytes(2, "big") + entry for entry in entries])
        root = base64.b64encode(tree_hash(leaves))
        self.put(f"{self.prefix}log/checkpoint", SIGNER.note(b"%s\n%d\n%s\n" % (SIGNER.name.encode(), len(entries), root)))

    def write_tiles(self, level: str, parts: list[bytes]) -> None:
        for first in range(0, len(parts), 256):
            part = parts[first : first + 256]
            number = first // 256
            assert number < 1000, "the test has no need of larger logs"
            partial = f".p/{len(part)}" if len(part) < 256 else ""
            self.put(f"{self.prefix}log/tile/{level}/{number:03d}{partial}", b"".join(part))


def sample(prefix: str = "", change: Change = lambda kind, value: None) -> Archive:
    """Two bots, four days, one of them empty and one without one of the lists, and a day with three revisions."""
    archive = Archive(prefix, change)
    rows = [
        archive.session(10),
        archive.session(20, "unavailable", ("getSessions",), files=0, attachments=("call",)),
        archive.session(30, "archived", ("interactionDetails",), files=1, attachments=()),
        archive.session(40, "lost_to_retention", (), files=1),
    ]
    del archive.objects[rows[3]["files"][0]["key"]]
    archive.seal(rows[:2])
    archive.seal([], date="2024-03-06")
    archive.seal(rows[:3], 2)
    archive.seal([archive.session(5, bot="st-B-2", listed_by=("getSessions",))], bot="st-B-2", unavailable=("interactionDetails",))
    archive.seal(rows, 3)
    archive.entries.append(b'{"version":7,"kind":"later","botId":5}')
    archive.seal([archive.session(86399, date="2024-02-29")], date="2024-02-29")
    archive.entries.append(archive.entries[0])
    archive.write_log()
    return archive


class ArchiveTest(unittest.TestCase):
    """Gives each test a folder that is removed in the end."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, "copy")
        self.beside = folder.name
        self.written: dict[str, bytes] = {}

    def path(self, key: str) -> str:
        return os.path.join(self.folder, *key.split("/"))

    def write(self, objects: dict[str, bytes]) -> None:
        for key, data in objects.items():
            path = self.path(key)
            if self.written.get(path) != data:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(data)
            self.written[path] = data

    def check(self, archive: Optional[Archive] = None, kept: Optional[bytes] = None, **selection: Any) -> verify.Report:
        if archive is not None:
            self.write(archive.objects)
        key = verify.parse_public_key(SIGNER.key_text())
        report = verify.Report()
        prefix = archive.prefix if archive else ""
        kept_checkpoint = verify.check_checkpoint(kept, key) if kept else None
        verify.Verifier(verify.Copy(self.folder), prefix, key, verify.Selection(**selection), report).verify(kept_checkpoint)
        return report

    def assert_holds(self, report: verify.Report) -> None:
        self.assertEqual([], report.failures)

    def assert_fails(self, report: verify.Report, kind: str, words: str, session: Optional[str] = None) -> None:
        for failure in report.failures:
            if failure.kind == kind and words in failure.text and session in (None, failure.sessionId):
                return
        self.fail(f"no failure of the kind {kind} with {words!r} in {report.failures}")


class SoundArchives(ArchiveTest):
    def test_a_sound_archive_holds_and_everything_in_it_was_checked(self) -> None:
        report = self.check(sample())
        self.assert_holds(report)
        self.assertEqual((8, 4, 6, 16), (report.entries, report.days, report.sessions, report.files))

    def test_with_a_prefix(self) -> None:
        for prefix in ("calls/", "a/b/", "x-"):
            with self.subTest(prefix=prefix):
                self.folder = os.path.join(self.beside, prefix.replace("/", "_"))
                self.assert_holds(self.check(sample(prefix)))

    def test_an_empty_log(self) -> None:
        archive = Archive()
        archive.write_log()
        self.assert_holds(self.check(archive))

    def test_every_size_around_a_full_tile(self) -> None:
        for size in (1, 2, 3, 255, 256, 257, 511, 512, 513):
            with self.subTest(size=size):
                self.folder = os.path.join(self.beside, str(size))
                self.assert_holds(self.check(self.archive_of_others(size)))

    def test_a_log_with_three_levels(self) -> None:
        archive = self.archive_of_others(65_536 + 300)
        report = self.check(archive)
        self.assert_holds(report)
        self.assertEqual(65_836, report.entries)
        self.assertIn("log/tile/2/000.p/1", archive.objects)
        for key in ("log/tile/2/000.p/1", "log/tile/1/000", "log/tile/1/001.p/1", "log/tile/0/255", "log/tile/0/257.p/44"):
            data = bytearray(archive.objects[key])
            data[17] ^= 1
            self.write({key: bytes(data)})
        report = self.check()
        self.assertEqual(5, len(report.failures), report.failures)

    @staticmethod
    def archive_of_others(size: int) -> Archive:
        """A log of entries of a kind that has to be ignored."""
        archive = Archive()
        archive.entries = [b'{"kind":"other","n":%d}' % n for n in range(size)]
        archive.write_log()
        return archive

    def test_an_erased_call_is_no_failure_but_a_changed_one_is(self) -> None:
        archive = sample()
        erased = [key for key in archive.objects if key.endswith("/call.json")]
        for key in erased:
            del archive.objects[key]
        self.assert_holds(self.check(archive))
        self.write({erased[0]: b"{}"})
        self.assert_fails(self.check(), "attachment", "it has 2 bytes")

    def test_older_partial_tiles_and_what_was_written_after_the_checkpoint_are_of_no_interest(self) -> None:
        archive = sample()
        archive.put("log/tile/0/000.p/2", b"old")
        archive.put("log/tile/entries/000.p/9", b"new")
        archive.put("log/timestamps/3.tsr", b"stamp")
        archive.put("log/pending", b"work")
        self.assert_holds(self.check(archive))

    def test_the_next_revision_is_noted_and_any_other_fails(self) -> None:
        archive = sample()
        archive.put(f"days/{BOT}/2024/03/05/r4.json", b"")
        archive.put(f"days/{BOT}/2024/03/07/r1.ndjson", b"")
        report = self.check(archive)
        self.assert_holds(report)
        self.assertEqual(2, len(report.notes))
        keys = [f"days/{BOT}/2024/03/05/r5.json", f"days/{BOT}/2024/03/05/r04.json", "days/x", f"days/{BOT}/2024/02/30/r1.json",
                f"days/{BOT}/2024/03/07/r2.json", "days/foo/2024/03/05/r1.json", "days/st-/2024/03/05/r1.json", "days/st-x y/2024/03/05/r1.json",
                "days/st-x/0000/03/05/r1.json", "days/st-x/2024/03/05/r1000000000.json"]
        self.write({key: b"" for key in keys})
        report = self.check()
        self.assertEqual(sorted(keys), sorted(failure.key for failure in report.failures))
        self.assertEqual({"unentered"}, {failure.kind for failure in report.failures})


class Selections(ArchiveTest):
    def setUp(self) -> None:
        super().setUp()
        self.archive = sample()
        self.wrong = f"{BOT}/2024/03/05/{session_id(10)}/1.wav"
        self.write(dict(self.archive.objects, **{self.wrong: b"other"}))

    def test_the_session_that_is_broken(self) -> None:
        for selection in ({"session": session_id(10), "date": DATE}, {"date": DATE}, {"bot": BOT}, {}):
            report = self.check(**selection)
            self.assertEqual([self.wrong], [failure.key for failure in report.failures])
            self.assertEqual((BOT, DATE, session_id(10)), report.failures[0][1:4])

    def test_others(self) -> None:
        for selection in ({"session": session_id(30), "date": DATE}, {"date": "2024-02-29"}, {"bot": "st-B-2"}):
            report = self.check(**selection)
            self.assert_holds(report)
            self.assertEqual(1, report.sessions)

    def test_of_a_session_alone_no_other_row_has_to_follow_the_rules(self) -> None:
        archive = Archive()
        rows = [archive.session(10), archive.session(20)]
        rows[0]["status"] = 5
        archive.seal(rows)
        archive.write_log()
        self.folder = os.path.join(self.beside, "another")
        self.assert_fails(self.check(archive), "rows", "its status", session_id(10))
        self.assert_holds(self.check(session=session_id(20), date=DATE))
        self.assert_fails(self.check(session=session_id(10), date=DATE), "rows", "its status", session_id(10))

    def test_of_a_session_alone_the_rows_are_those_that_were_sealed(self) -> None:
        self.write({f"days/{BOT}/2024/03/05/r1.ndjson": b""})
        self.assert_fails(self.check(session=session_id(30), date=DATE), "rows", "the number of its rows")

    def test_the_tiles_are_read_for_everything_alone(self) -> None:
        self.write({"log/tile/0/000.p/8": b""})
        self.assert_holds(self.check(date="2024-02-29"))
        self.assert_fails(self.check(), "log", "the tile does not have the hashes")
        os.remove(self.path("log/tile/0/000.p/8"))
        self.assert_fails(self.check(), "log", "it does not exist")
        self.write({"log/tile/entries/000.p/8": self.archive.objects["log/tile/entries/000.p/8"] + b"\0\0"})
        self.assert_fails(self.check(date="2024-02-29"), "log", "it has more than 8 entries")

    def test_the_records_alone(self) -> None:
        self.assert_fails(self.check(records_only=True), "file", "it has 5 bytes")
        self.write({self.wrong: b"x" * len(self.archive.objects[self.wrong])})
        self.assert_fails(self.check(), "file", "its SHA-256")
        self.assert_holds(self.check(records_only=True))
        os.remove(self.path(self.wrong))
        self.assert_fails(self.check(records_only=True), "file", "does not exist")

    def test_of_what_is_selected_every_object_is_in_the_log(self) -> None:
        date = DATE.replace("-", "/")
        of_session = {"session": session_id(30), "date": DATE}
        for key, finds, leaves in (
            (f"days/{BOT}/{date}/junk.txt", [{}, {"date": DATE}, {"bot": BOT}, {"bot": BOT, "date": DATE}, of_session], [{"bot": "st-B-2"}, {"date": "2024-02-29"}]),
            (f"days/{BOT}/junk.txt", [{}, {"bot": BOT}], [{"date": DATE}, {"bot": BOT, "date": DATE}]),
            (f"days/st-ghost/{date}/r2.json", [{}, {"date": DATE}, of_session], [{"bot": BOT}]),
            (f"days/foo/{date}/r1.json", [{}, {"date": DATE}], [{"bot": BOT}]),
            ("days/foo/2020/01/01/r1.json", [{}], [{"date": DATE}, {"bot": BOT}]),
            (f"days/st-x/{date[:7]}", [{}, {"date": DATE}], [{"bot": BOT}]),
        ):
            self.write({key: b"x"})
            for selection in finds:
                with self.subTest(key=key, selection=selection):
                    self.assert_fails(self.check(**selection), "unentered", "")
            for selection in leaves:
                with self.subTest(key=key, selection=selection):
                    self.assertNotIn("unentered", [failure.kind for failure in self.check(**selection).failures])
            os.remove(self.path(key))

    def test_what_is_not_there_does_not_hold(self) -> None:
        self.assert_fails(self.check(date="2024-03-09"), "selection", "no such day")
        self.assert_fails(self.check(bot="st-2"), "selection", "no such day")
        self.assert_fails(self.check(session=session_id(11), date=DATE), "selection", "no row of this session")


class Mutations(ArchiveTest):
    """Whatever is done to one object of a sealed archive is found."""

    def test_random_mutations(self) -> None:
        chance = random.Random(SEED)
        archive = sample()
        self.assert_holds(self.check(archive))
        keys = sorted(archive.objects)
        for number in range(MUTATIONS):
            what, changed = self.mutation(chance, archive.objects, keys)
            with self.subTest(number=number, what=what):
                self.apply(changed)
                self.assertTrue(self.check().failures, "a mutation was not found")
            self.apply({key: archive.objects.get(key) for key in changed})
        self.assert_holds(self.check())

    def apply(self, changed: dict[str, Optional[bytes]]) -> None:
        for key, data in changed.items():
            if data is None:
                os.remove(self.path(key))
                del self.written[self.path(key)]
            else:
                self.write({key: data})

    @staticmethod
    def mutation(chance: random.Random, objects: dict[str, bytes], keys: list[str]) -> tuple[str, dict[str, Optional[bytes]]]:
        while True:
            key, other = chance.choice(keys), chance.choice(keys)
            data, at = objects[key], chance.randrange(max(1, len(objects[key])))
            what = chance.choice(["flip", "delete", "truncate", "append", "insert", "swap", "replace", "rotate"])
            if what == "flip" and data:
                return f"{what} {key} {at}", {key: data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]}
            if what == "delete" and not key.endswith("/call.json"):
                return f"{what} {key}", {key: None}
            if what == "truncate" and data:
                return f"{what} {key} {at}", {key: data[:at]}
            if what == "append":
                return f"{what} {key}", {key: data + bytes([chance.choice(b"\n {}\0")])}
            if what == "insert":
                return f"{what} {key} {at}", {key: data[:at] + b" " + data[at:]}
            if what == "swap" and data != objects[other]:
                return f"{what} {key} {other}", {key: objects[other], other: data}
            if what == "replace" and data != objects[other]:
                return f"{what} {key} {other}", {key: objects[other]}
            if what == "rotate" and data[at:] + data[:at] != data:
                return f"{what} {key} {at}", {key: data[at:] + data[:at]}

    def test_an_older_state_and_a_fork_are_found_by_who_kept_a_checkpoint(self) -> None:
        archive = sample()
        kept = archive.objects["log/checkpoint"]
        self.assert_holds(self.check(archive, kept))
        older = sample()
        older.write_log(7)
        self.assert_holds(self.check(older))
        self.assert_fails(self.check(older, kept), "checkpoint", "fewer than the checkpoint that was kept")
        forked = sample(change=lambda kind, value: value.update(sealedAt="2024-03-01T00:00:00Z") if kind in ("record", "entry") else None)
        self.assert_holds(self.check(forked))
        self.assert_fails(self.check(forked, kept), "checkpoint", "does not extend")

    def test_a_longer_log_extends_every_checkpoint_before_it(self) -> None:
        archive = sample()
        for size in range(len(archive.entries) + 1):
            archive.write_log(size)
            kept = archive.objects["log/checkpoint"]
            archive.write_log()
            self.assert_holds(self.check(archive, kept))


class Lies(ArchiveTest):
    """An operator who seals something that does not follow the rules is found, although every hash is right."""

    def lie(self, kind: str, words: str, change: Change, in_kind: str) -> None:
        """Seals two revisions of a day of three sessions, the second one with the lie."""
        archive = Archive()
        rows = [archive.session(10), archive.session(20, listed_by=("getSessions",)), archive.session(30, "failed", ())]
        archive.seal(rows[:1])
        falsified = copy.deepcopy(rows)
        if in_kind == "row":
            change("row", falsified[1])
        archive.seal(falsified, 2, change=lambda k, value: change(k, value) if k == in_kind else None)
        archive.write_log()
        self.assert_fails(self.check(archive), kind, words)

    def test_rows(self) -> None:
        lies: list[tuple[str, dict]] = [
            ("its botId", {"botId": "st-2"}),
            ("ascending order", {"sessionId": session_id(10), "callTime": "2024-03-05T00:00:10Z"}),
            ("its callTime", {"callTime": "2024-03-05T00:00:21Z"}),
            ("its callTime", {"callTime": "2024-03-05T00:00:20.0Z"}),
            ("the day of its callTime", {"sessionId": session_id(86400), "callTime": "2024-03-06T00:00:00Z"}),
            ("24 lower-case", {"sessionId": session_id(20).upper()}),
            ("its listedBy", {"listedBy": ["interactionDetails", "getSessions"]}),
            ("its listedBy", {"listedBy": ["getSessions", "getSessions"]}),
            ("its listedBy", {"listedBy": ["another"]}),
            ("its bytes", {"bytes": 1}),
            ("its userHash", {"userHash": "AB" * 32}),
            ("its purgeAt", {"purgeAt": "2024-04-05"}),
            ("its status", {"status": 5}),
            ("its evidence", {"evidence": [5]}),
            ("its first", {"evidence": [{"status": "", "first": "", "last": "2024-03-05T00:00:00Z", "count": 1}]}),
            ("its last", {"evidence": [{"status": "", "first": "2024-03-05T00:00:00Z", "last": 1, "count": 1}]}),
            ("its count", {"evidence": [{"status": "", "first": "2024-03-05T00:00:00Z", "last": "2024-03-05T00:00:00Z", "count": 1.0}]}),
            ("its status", {"evidence": [{}]}),
        ]
        for words, values in lies:
            with self.subTest(words=words, values=values):
                self.lie("rows", words, lambda kind, row: row.update(values), "row")

    def test_records(self) -> None:
        def counts(**values: Any) -> Change:
            return lambda kind, record: record["counts"].update(values)

        lies: list[tuple[str, str, Change]] = [
            ("record", "its version", lambda kind, record: record.update(version=2)),
            ("record", "its at", lambda kind, record: record["listings"][0].update(at="now")),
            ("record", "its sessions", lambda kind, record: record["listings"][0].update(sessions=None)),
            ("record", "its calls", lambda kind, record: record["listings"][0].update(calls="1")),
            ("record", "its incomplete", lambda kind, record: record["listings"][0].update(incomplete=[1])),
            ("record", "its unavailable", lambda kind, record: record["listings"][0].update(unavailable=True)),
            ("record", "its botId and date", lambda kind, record: record.update(botId="st-2")),
            ("record", "its revision", lambda kind, record: record.update(revision=3)),
            ("record", "its sealedAt", lambda kind, record: record.update(sealedAt="2024-03-10T00:00:00Z")),
            ("record", "its counts", counts(files=5)),
            ("record", "its counts", counts(outcomes={"archived": 3})),
            ("record", "names no previous", lambda kind, record: record.pop("previous")),
            ("record", "the key of its previous", lambda kind, record: record["previous"].update(key="days/x")),
            ("record", "the SHA-256 of its previous", lambda kind, record: record["previous"].update(sha256="0" * 64)),
            ("record", "the treeRoot", lambda kind, record: record["rows"].update(treeRoot="0" * 64)),
            ("rows", "its key in the record", lambda kind, record: record["rows"].update(key="days/x")),
            ("rows", "its length", lambda kind, record: record["rows"].update(bytes=1)),
            ("rows", "its SHA-256", lambda kind, record: record["rows"].update(sha256="0" * 64)),
            ("rows", "the disagreement", lambda kind, record: record.pop("disagreement")),
            ("rows", "the disagreement", lambda kind, record: record["disagreement"].pop("onlyGetSessions")),
        ]
        for kind, words, change in lies:
            with self.subTest(words=words):
                self.lie(kind, words, change, "record")

    def test_counts_that_record_and_entry_agree_on(self) -> None:
        for name in ("sessions", "files", "bytes", "onlyGetSessions", "onlyInteractionDetails", "unlisted"):
            with self.subTest(name=name):
                archive = Archive()
                archive.seal([archive.session(1)], change=lambda kind, value: value["counts"].update({name: 7}))
                archive.write_log()
                self.assert_fails(self.check(archive), "rows", "the counts of the record")

    def test_the_first_revision_has_none_before_it(self) -> None:
        archive = Archive()
        archive.seal([], change=lambda kind, value: value.update(previous={"key": "x", "sha256": "0" * 64}))
        archive.write_log()
        self.assert_fails(self.check(archive), "record", "what it names as previous")

    def test_the_root_of_the_log(self) -> None:
        archive = Archive()
        archive.seal([])
        archive.write_log()
        root = base64.b64encode(bytes(32))
        archive.put("log/checkpoint", SIGNER.note(b"%s\n1\n%s\n" % (SIGNER.name.encode(), root)))
        self.assert_fails(self.check(archive), "log", "do not give the root hash")
        self.assert_fails(self.check(date=DATE), "log", "do not give the root hash")

    def test_rows_without_evidence(self) -> None:
        archive = Archive(change=lambda kind, value: value.pop("evidence") if kind == "row" else None)
        archive.seal([archive.session(1)])
        archive.write_log()
        self.assert_holds(self.check(archive))

    def test_the_tree_of_the_rows(self) -> None:
        def change(kind: str, value: dict) -> None:
            (value["rows"] if kind == "record" else value).update(treeRoot="0" * 64)

        archive = Archive()
        archive.seal([archive.session(1)], change=change)
        archive.write_log()
        self.assert_fails(self.check(archive), "rows", "the root of its rows")

    def test_entries(self) -> None:
        lies: list[tuple[str, str, dict]] = [
            ("entry", "its version", {"version": 2}),
            ("entry", "its botId is not", {"botId": "../x"}),
            ("entry", "its date", {"date": "2024-02-30"}),
            ("entry", "revision 4 is entered where 2 is due", {"revision": 4}),
            ("entry", "revision 1 is entered where 2 is due", {"revision": 1}),
            ("entry", "its revision is 0, not one", {"revision": 0}),
            ("entry", "its revision is 1000000000, not one", {"revision": 1_000_000_000}),
            ("record", "its SHA-256 is not", {"record": "0" * 64}),
            ("record", "the treeSize", {"treeSize": 2}),
            ("rows", "more than 2 rows", {"treeSize": 2}),
        ]
        for kind, words, values in lies:
            with self.subTest(words=words):
                self.lie(kind, words, lambda _, entry: entry.update(values), "entry")

    def test_manifests(self) -> None:
        def change_file(**values: Any) -> Change:
            return lambda kind, manifest: manifest["files"][0].update(values)

        lies: list[tuple[str, Change]] = [
            ("its botId", lambda kind, manifest: manifest.update(botId="st-2")),
            ("its sessionId", lambda kind, manifest: manifest.update(sessionId=session_id(9))),
            ("its outcome", lambda kind, manifest: manifest.update(outcome="failed")),
            ("its files", lambda kind, manifest: manifest["files"].reverse()),
            ("its files", lambda kind, manifest: manifest["files"].pop()),
            ("its files", lambda kind, manifest: manifest.pop("files")),
            ("its files", change_file(key="other")),
            ("its files", change_file(bytes=1)),
            ("its files", change_file(sha256="0" * 64)),
        ]
        for words, change in lies:
            with self.subTest(words=words):
                archive = Archive(change=lambda kind, value: change(kind, value) if kind == "manifest" else None)
                archive.seal([archive.session(1)])
                archive.write_log()
                self.assert_fails(self.check(archive), "manifest", words, session_id(1))

    def test_a_manifest_of_another_length_or_content(self) -> None:
        archive = sample()
        key = f"{BOT}/2024/03/05/{session_id(10)}/manifest.json"
        for words, data in (("its length", archive.objects[key] + b" "), ("its SHA-256", archive.objects[key].replace(b"1.5", b"1.6"))):
            self.write(dict(archive.objects, **{key: data}))
            self.assert_fails(self.check(), "manifest", words, session_id(10))

    def test_lines_that_are_not_one_object_each(self) -> None:
        for words, broken in (("line feed", lambda data: data[:-1]), ("not a JSON object and nothing else", lambda data: b"\n" + data),
                              ("not a JSON object and nothing else", lambda data: data[:-1] + b"\r\n")):
            with self.subTest(words=words):
                archive = Archive()
                archive.seal([archive.session(1)])
                archive.write_log()
                key = f"days/{BOT}/2024/03/05/r1.ndjson"
                archive.objects[key] = broken(archive.objects[key])
                self.assert_fails(self.check(archive), "rows", words)

    def test_a_list_that_was_never_available_disagrees_with_nothing(self) -> None:
        for unavailable in (("getSessions",), ("interactionDetails",), ("getSessions", "interactionDetails")):
            archive = Archive()
            archive.seal([archive.session(1, listed_by=("getSessions",)), archive.session(2, listed_by=())], unavailable=unavailable)
            archive.write_log()
            self.assert_holds(self.check(archive))


class HostileInput(ArchiveTest):
    VALUES = [None, True, -1, 0, 1.5, 10**30, (1 << 53) + 1, "", "x", "\ud800", "a\0b", "../../x", "/etc/passwd", "é" * 2000, [], [[]], [None], {}, {"": {}}]

    def test_any_value_in_any_place_is_no_more_than_a_failure(self) -> None:
        chance = random.Random(SEED)
        for kind, path in self.places():
            for value in chance.sample(self.VALUES, 2):
                with self.subTest(kind=kind, path=path, value=value):
                    archive = Archive(change=lambda k, whole: self.put_in(whole, path, value) if k == kind else None)
                    row = archive.session(1, listed_by=())
                    archive.seal([Archive().session(1, listed_by=()) if kind == "row" else row])
                    if kind == "row":
                        archive.put(f"days/{BOT}/2024/03/05/r1.ndjson", to_json(row) + b"\n")
                    archive.write_log()
                    report = self.check(archive)
                    json.dumps([failure._asdict() for failure in report.failures])
                    for failure in report.failures:
                        with contextlib.redirect_stdout(io.StringIO()) as out:
                            verify.tell_line(failure)
                        self.assertTrue(out.getvalue().isascii())
                        self.assertEqual(1, out.getvalue().count("\n"))

    def places(self) -> Iterator[tuple[str, tuple]]:
        found: dict[str, dict] = {}
        archive = Archive(change=lambda kind, value: found.update({kind: copy.deepcopy(value)}))
        archive.seal([archive.session(1, listed_by=())])
        for kind, value in found.items():
            for path in self.paths(value):
                yield kind, path

    def paths(self, value: Any) -> Iterator[tuple]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for name, below in inner:
            yield (name,)
            for path in self.paths(below):
                yield (name, *path)

    def put_in(self, whole: Any, path: tuple, value: Any) -> None:
        for name in path[:-1]:
            whole = whole[name]
        whole[path[-1]] = value

    def test_documents_that_are_no_json(self) -> None:
        documents = [b"", b"null", b"[]", b"5", b'{"a":NaN}', b'{"a":1,"a":1}', b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":' * 200_000,
                     b"[" * 200_000, b'{"a":"\x01"}', b"{} {}", b'{"a":-Infinity}']
        for data in documents:
            with self.subTest(data=data[:20]):
                with self.assertRaises(verify.Problem):
                    verify.parse_object(data)

    def test_numbers(self) -> None:
        for text in ("1.0", "1e2", "-1", "true", '"1"', "null", "9007199254740993", "-0", "1" * 100_000, "[1]"):
            with self.subTest(text=text[:20]):
                with self.assertRaises(verify.Problem):
                    verify.parse_object(b'{"n":%s}' % text.encode()).number("n")
        self.assertEqual(1 << 53, verify.parse_object(b'{"n":9007199254740992}').number("n"))

    def test_texts(self) -> None:
        fields = verify.parse_object(b'{"half":"\\ud800","halves":["\\udfff"],"whole":"\\ud83d\\ude00"}')
        self.assertEqual("😀", fields.text("whole"))
        for take in (lambda: fields.text("half"), lambda: fields.texts("halves")):
            with self.assertRaises(verify.Problem):
                take()

    def test_entries_of_a_tile(self) -> None:
        self.assertEqual([b"a", b""], verify.split_entries(b"\0\1a\0\0", 2))
        for data in (b"", b"\0", b"\0\1a", b"\0\1a\0", b"\0\1a\0\1", b"\0\1a\0\0\0"):
            with self.subTest(data=data):
                with self.assertRaises(verify.Problem):
                    verify.split_entries(data, 2)

    def test_times_and_dates(self) -> None:
        for text in ("2024-02-29T23:59:59Z", "2024-02-29T00:00:00.123456789Z"):
            self.assertTrue(verify.is_time(text), text)
        for text in ("2024-02-30T00:00:00Z", "2024-02-29T24:00:00Z", "2024-02-29T00:00:60Z", "2024-02-29T00:00:00+00:00", "2024-02-29 00:00:00Z",
                     "2024-02-29T00:00:00", "2024-02-29T00:00:00Z\n", "٢٠٢٤-02-29T00:00:00Z", "2024-02-29T00:00:00,5Z"):
            self.assertFalse(verify.is_time(text), text)
        for text in ("2023-02-29", "2024-2-9", "2024-02-29\n", "0000-01-01", ""):
            self.assertFalse(verify.is_date(text), text)

    def test_keys_do_not_leave_the_folder(self) -> None:
        archive = Archive()
        archive.seal([archive.session(1)])
        self.write(archive.objects)
        self.write({"../outside": b"secret"})
        folder = verify.Copy(self.folder)
        outside = os.path.join(self.beside, "outside")
        os.symlink(outside, self.path("link"))
        os.symlink(self.beside, self.path("folder"))
        os.symlink(self.path(BOT), self.path("inside"))
        os.mkfifo(self.path("pipe"))
        for key in ("../outside", outside, "st-1/../../outside", "./link", "link", "folder/outside", "inside/2024", "", "a//b", "st-1/", "st-1",
                    "pipe", "a\0b", "\udcff", "a" * 300):
            with self.subTest(key=key[:40]):
                with self.assertRaises(verify.Problem):
                    folder.read(key, 100)

    def test_keys_that_are_too_long(self) -> None:
        self.assertEqual(512, len(verify.key_segments("a/" * 511 + "aa")))
        for key in ("a/" * 512 + "a", "ä" * 513):
            with self.assertRaises(verify.Problem):
                verify.key_segments(key)

    def test_links_below_days_are_not_followed(self) -> None:
        archive = sample()
        self.write(archive.objects)
        os.symlink(self.beside, self.path(f"days/{BOT}/2024/03/20"))
        self.assert_fails(self.check(), "unentered", "not the key of a revision")
        os.rename(self.path("days"), os.path.join(self.beside, "elsewhere"))
        os.symlink(os.path.join(self.beside, "elsewhere"), self.path("days"))
        self.assert_fails(self.check(), "record", "not a folder")
        self.assert_fails(self.check(), "unentered", "not a folder")

    def test_lines_and_objects_that_are_too_long(self) -> None:
        archive = Archive()
        archive.seal([archive.session(1)])
        archive.write_log()
        key = f"days/{BOT}/2024/03/05/r1.ndjson"
        archive.objects[key] = b'{"a":"' + b"x" * verify.MIB + b'"}\n'
        self.assert_fails(self.check(archive), "rows", "a line has more than")
        self.write({"log/checkpoint": b"x" * (verify.MAX_CHECKPOINT_BYTES + 1)})
        self.assert_fails(self.check(), "checkpoint", "it has more than")

    def test_an_enormous_log_that_does_not_exist_is_given_up_at_once(self) -> None:
        text = b"%s\n1099511627776\n%s\n" % (SIGNER.name.encode(), base64.b64encode(bytes(32)))
        for note in (SIGNER.note(text), text + b"\n" + Signer(SIGNER.name, b"t" * 32).signature_line(text)):
            self.write({"log/checkpoint": note})
            self.assert_fails(self.check(), "log", "cannot be read from entry 0 on")

    def test_after_an_unreadable_tile_of_entries_the_others_are_checked(self) -> None:
        archive = Archive()
        archive.entries = [b'{"kind":"other","n":%d}' % n for n in range(256)]
        archive.seal([archive.session(1)])
        archive.write_log()
        del archive.objects["log/tile/entries/000"], archive.objects[f"{BOT}/2024/03/05/{session_id(1)}/0.wav"]
        report = self.check(archive)
        self.assertEqual(["log", "file"], [failure.kind for failure in report.failures])


class Checkpoints(ArchiveTest):
    def setUp(self) -> None:
        super().setUp()
        self.archive = sample()
        self.key = verify.parse_public_key(SIGNER.key_text())
        self.note = self.archive.objects["log/checkpoint"]
        self.text = self.note[: self.note.index(b"\n\n") + 1]

    def holds(self, note: bytes) -> bool:
        try:
            verify.check_checkpoint(note, self.key)
        except verify.Problem:
            return False
        return True

    def test_signatures_of_others_are_ignored(self) -> None:
        other = Signer("witness.example", b"w" * 32).signature_line(self.text)
        same_name = Signer(SIGNER.name, b"w" * 32).signature_line(self.text)
        own = SIGNER.signature_line(self.text)
        self.assertTrue(self.holds(self.text + b"\n" + other + own + same_name))
        self.assertFalse(self.holds(self.text + b"\n" + other + same_name))

    def test_of_others_the_form_alone_counts(self) -> None:
        def line(name: str, signature: bytes) -> bytes:
            return f"\u2014 {name} {base64.b64encode(signature).decode()}\n".encode()

        own = SIGNER.signature_line(self.text)
        right = {"99 others": b"".join(line(f"w{n}", b"abcdefgh") for n in range(99)), "the shortest": line("x", b"abcde"), "symbols": line("!~/.", b"abcde")}
        wrong = {
            "100 others": b"".join(line(f"w{n}", b"abcdefgh") for n in range(100)),
            "4 bytes": line("x", b"abcd"), "2 bytes": line("x", b"ab"), "base64 in another form": "\u2014 x YWJjZGVmZ2j=\n".encode(),
            "a name that cannot be seen": line("x\u200b", b"abcdefgh"), "a control": line("x\x7f", b"abcdefgh"), "another space": line("x\xa0", b"abcdefgh"),
            "not of ASCII": line("é", b"abcdefgh"), "a plus": line("x+y", b"abcdefgh"), "no name": line("", b"abcdefgh"),
        }
        for name, others in right.items():
            self.assertTrue(self.holds(self.text + b"\n" + own + others), name)
        for name, others in wrong.items():
            self.assertFalse(self.holds(self.text + b"\n" + own + others), name)

    def test_control_characters(self) -> None:
        for character in (b"\t", b"\r", b"\0", b"\x1f"):
            self.assertFalse(self.holds(SIGNER.note(self.text + b"more" + character + b"\n")), character)
        self.assertTrue(self.holds(SIGNER.note(self.text + b"more\x7f\n")))

    def test_lines_after_the_third_are_ignored(self) -> None:
        self.assertTrue(self.holds(SIGNER.note(self.text + b"more\n")))

    def test_malformed_checkpoints(self) -> None:
        name, root = SIGNER.name.encode(), base64.b64encode(bytes(32))
        texts = [b"other\n1\n%s\n" % root, b"%s\n01\n%s\n" % (name, root), b"%s\n-1\n%s\n" % (name, root), b"%s\n+1\n%s\n" % (name, root),
                 b"%s\n1099511627777\n%s\n" % (name, root), b"%s\n1\n%s\n" % (name, root[:-1]), b"%s\n1\n%s\n" % (name, root[:-2] + b"B="),
                 b"%s\n1\n%s\n" % (name, base64.b64encode(bytes(31))), b"%s\n1\n" % name, b"%s\n1\n%s\n" % (b"\xff", root)]
        for text in texts:
            with self.subTest(text=text):
                self.assertFalse(self.holds(SIGNER.note(text)))

    def test_malformed_signatures(self) -> None:
        signature = SIGNER.sign(self.text)
        line = SIGNER.signature_line(self.text)
        s = int.from_bytes(signature[32:], "little")
        malleable = signature[:32] + (s + verify.ORDER).to_bytes(32, "little")
        lines = {
            "S + L": b"\xe2\x80\x94 %s %s\n" % (SIGNER.name.encode(), base64.b64encode(SIGNER.id + malleable)),
            "unused bits of base64": line[:-3] + bytes([line[-3] + 1]) + line[-2:],
            "carriage return": line[:-1] + b"\r\n",
            "a hyphen for the dash": b"- " + line[4:],
            "no line feed": line[:-1],
            "an empty line more": line + b"\n",
            "something behind": line + b"x\n",
            "short": b"\xe2\x80\x94 %s %s\n" % (SIGNER.name.encode(), base64.b64encode(SIGNER.id + signature[:63])),
            "long": b"\xe2\x80\x94 %s %s\n" % (SIGNER.name.encode(), base64.b64encode(SIGNER.id + signature + b"\0")),
            "a wrong one beside the right one": line + b"\xe2\x80\x94 %s %s\n" % (SIGNER.name.encode(), base64.b64encode(SIGNER.id + bytes(64))),
            "the right one again": line + line,
            "none": b"",
        }
        self.assertTrue(self.holds(self.text + b"\n" + line))
        for name, broken in lines.items():
            with self.subTest(name=name):
                self.assertFalse(self.holds(self.text + b"\n" + broken))

    def test_public_keys(self) -> None:
        name, key_id, data = SIGNER.key_text().split("+", 2)
        point = base64.b64decode(data)[1:]
        not_canonical = b"\x01" + (verify.P + 1).to_bytes(32, "little")  # the y of the neutral point, plus p

        def key_text(data: bytes) -> str:
            return f"{name}+{sha256(name.encode() + bytes([10]) + data)[:4].hex()}+{base64.b64encode(data).decode()}"

        for text in ("", name, f"{name}+{key_id}", f"{name}+00000000+{data}", f"{name}x+{key_id}+{data}", f"a b+{key_id}+{data}",
                     f"{name}+{key_id}+{data}=", key_text(b"\x02" + point), f"PRIVATE+KEY+{name}+{key_id}+{data}", key_text(not_canonical)):
            with self.subTest(text=text):
                with self.assertRaises(verify.Problem):
                    verify.parse_public_key(text)


class Ed25519(unittest.TestCase):
    """The test vectors of RFC 8032, section 7.1: secret key, public key, message, signature."""

    VECTORS = [
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
         "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]

    def test_vectors(self) -> None:
        for secret, public, message, signature in self.VECTORS:
            signer = Signer("x", bytes.fromhex(secret))
            self.assertEqual(public, signer.public.hex())
            self.assertEqual(signature, signer.sign(bytes.fromhex(message)).hex())
            self.assertTrue(verify.ed25519_holds(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature)))

    def test_one_bit_more_or_less(self) -> None:
        chance = random.Random(SEED)
        _, public, message, signature = (bytes.fromhex(text) for text in self.VECTORS[2])
        for _ in range(20):
            parts = [bytearray(public), bytearray(message), bytearray(signature)]
            part = chance.choice(parts)
            part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
            self.assertFalse(verify.ed25519_holds(*map(bytes, parts)))

    def test_points_have_one_form(self) -> None:
        wrong = [verify.P.to_bytes(32, "little"), (verify.P + 1).to_bytes(32, "little"), (1 | 1 << 255).to_bytes(32, "little"), b"\xff" * 32,
                 (2).to_bytes(32, "little"), bytes(31), bytes(33)]
        for data in wrong:
            with self.subTest(data=data.hex()):
                with self.assertRaises(verify.Problem):
                    verify.decode_point(data)
        self.assertEqual(verify.NEUTRAL, verify.decode_point((1).to_bytes(32, "little")))


class Trees(unittest.TestCase):
    LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    ROOTS = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]

    def test_known_roots(self) -> None:
        """Those that implementations of RFC 6962 test themselves with."""
        tree = verify.Tree()
        for size, root in enumerate(self.ROOTS):
            self.assertEqual(root, tree.root().hex())
            self.assertEqual(root, tree_hash([sha256(b"\0" + bytes.fromhex(leaf)) for leaf in self.LEAVES[:size]]).hex())
            if size < len(self.LEAVES):
                tree.add(verify.leaf_hash(bytes.fromhex(self.LEAVES[size])))

    def test_every_size_gives_the_root_of_the_definition(self) -> None:
        tree, hashes = verify.Tree(), []
        for n in range(300):
            self.assertEqual(tree_hash(hashes), tree.root())
            hashes.append(sha256(b"%d" % n))
            tree.add(hashes[-1])

    def test_names_of_tiles(self) -> None:
        self.assertEqual("p/log/tile/0/000", verify.tile_key("p/", "0", 0, 256))
        self.assertEqual("log/tile/1/999.p/255", verify.tile_key("", "1", 999, 255))
        self.assertEqual("log/tile/entries/x001/000.p/1", verify.tile_key("", "entries", 1000, 1))
        self.assertEqual("log/tile/0/x001/x234/067", verify.tile_key("", "0", 1234067, 256))


class CommandLine(ArchiveTest):
    def setUp(self) -> None:
        super().setUp()
        self.archive = sample()
        self.write(self.archive.objects)
        self.kept = os.path.join(self.beside, "kept")

    def run_main(self, *arguments: str) -> tuple[int, str]:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                code = verify.main([self.folder, "--key", SIGNER.key_text(), *arguments])
            except SystemExit as end:
                code = end.code
        return code, out.getvalue()

    def break_one(self) -> str:
        key = f"{BOT}/2024/03/05/{session_id(10)}/1.wav"
        self.write({key: b"other"})
        return key

    def test_everything_holds(self) -> None:
        code, out = self.run_main()
        self.assertEqual((0, "everything holds: 8 entries, 4 days, 6 sessions and 16 files and attachments\n"), (code, out))

    def test_what_does_not_hold_is_on_a_line(self) -> None:
        key = self.break_one()
        code, out = self.run_main("--day", DATE)
        self.assertEqual(1, code)
        self.assertIn(f"day {DATE}, bot {BOT}, session {session_id(10)}, key {key}: it has 5 bytes, not", out)
        code, out = self.run_main("--json", "--session", session_id(10))
        self.assertEqual((1, [key]), (code, [failure["key"] for failure in json.loads(out)["failures"]]))
        self.assertEqual(0, self.run_main("--session", session_id(20))[0])

    def test_the_key_may_be_in_a_file(self) -> None:
        path = os.path.join(self.beside, "key")
        with open(path, "w", encoding="utf-8") as file:
            file.write(SIGNER.key_text() + "\n")
        self.assertEqual(0, self.run_main("--key", path)[0])

    def test_wrong_usage(self) -> None:
        for arguments in (["--key", "x"], ["--day", "5.3.2024"], ["--session", "x"], ["--unknown"], ["--checkpoint", self.folder]):
            self.assertEqual(2, self.run_main(*arguments)[0], arguments)

    def read_kept(self) -> Optional[bytes]:
        if not os.path.exists(self.kept):
            return None
        with open(self.kept, "rb") as file:
            return file.read()

    def test_the_kept_checkpoint_is_replaced_by_a_longer_one_alone(self) -> None:
        longest = self.archive.objects["log/checkpoint"]
        self.assertEqual(0, self.run_main("--checkpoint", self.kept, "--day", DATE)[0])
        self.assertIsNone(self.read_kept(), "a check of one day keeps nothing")
        self.archive.write_log(7)
        self.write(self.archive.objects)
        self.assertEqual(0, self.run_main("--checkpoint", self.kept)[0])
        shorter = self.read_kept()
        self.assertEqual(self.archive.objects["log/checkpoint"], shorter)
        self.write({"log/checkpoint": longest})
        key = self.break_one()
        self.assertEqual(1, self.run_main("--checkpoint", self.kept)[0])
        self.assertEqual(shorter, self.read_kept(), "a check that failed keeps nothing")
        self.write({key: self.archive.objects[key]})
        self.assertEqual(0, self.run_main("--checkpoint", self.kept)[0])
        self.assertEqual(longest, self.read_kept())
        self.write({"log/checkpoint": shorter or b""})
        self.assertEqual(1, self.run_main("--checkpoint", self.kept)[0])
        self.assertEqual(longest, self.read_kept())
        self.assertEqual(["copy", "kept"], sorted(os.listdir(self.beside)))

    def test_a_kept_checkpoint_of_another_key_does_not_hold(self) -> None:
        with open(self.kept, "wb") as file:
            file.write(Signer(SIGNER.name, b"t" * 32).note(b"%s\n0\n%s\n" % (SIGNER.name.encode(), base64.b64encode(sha256(b"")))))
        code, out = self.run_main("--checkpoint", self.kept)
        self.assertEqual(1, code)
        self.assertIn("the checkpoint that was kept does not hold", out)

    def test_as_a_program_and_by_the_driver(self) -> None:
        program = [sys.executable, "-I", os.path.join(HERE, "verify.py"), self.folder, "--key", SIGNER.key_text()]
        self.assertEqual(0, subprocess.run(program, stdout=subprocess.DEVNULL, check=False).returncode)
        key = self.break_one()
        question = json.dumps({"copy": self.folder, "prefix": "", "key": SIGNER.key_text(), "checkpoint": ""})
        done = subprocess.run([sys.executable, DRIVER], input=question + "\n", capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        self.assertEqual((False, ["file"], [key]), (answer["ok"], [f["kind"] for f in answer["failures"]], [f["key"] for f in answer["failures"]]))


if __name__ == "__main__":
    print(f"SEED={SEED}", file=sys.stderr)
    unittest.main()
