#!/usr/bin/env python3
"""Checks a copy of a callvault archive, or one day or session of it, without trusting callvault.

It is written from verification.md beside it, the specification, and from nothing else: it shares no code with callvault, whose
own verifier (`starter verify`) is written in Go. It needs Python 3.9 or newer, no package, no network and no server:

    python3 verify.py COPY --key KEY [--prefix P] [--bot B] [--day D] [--session S] [--checkpoint FILE]
        [--records-only] [--json]

COPY is a folder with a copy of the bucket, KEY the operator's public key, or a file with it. The exit code is 0 if everything
holds, 1 if something does not, each on a line with its day, session and key, and 2 for wrong usage. Without --bot, --day and
--session everything is checked; with them the entries of the log, and of the archive that day or session. With --checkpoint FILE
the log must extend the checkpoint that is kept there, if there is one; when a check without them has succeeded, the longer
one is kept. With --records-only of files and attachments only existence and length are checked, which reads no audio.

A copy of a bucket that is in use takes log/ first (in it log/timestamps/, then log/checkpoint), and then the rest: what the log
names is in what is copied later. The other way round the log would name days that the copy does not have.

What a success proves, and what not, is in verification.md. Timestamps of an authority are not checked here.

The sections below are in the order of that page. Whatever is in the copy may be hostile: sizes are bounded, every type is
checked, and no key leads out of the folder, not by a symbolic link either.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import stat
import sys
import tempfile
from datetime import datetime, timezone
from typing import Any, BinaryIO, Callable, Iterator, NamedTuple, Optional

MIB = 1 << 20
MAX_KEY_BYTES = 1024
MAX_LINE_BYTES = MIB  # of a row, without its line feed
MAX_RECORD_BYTES = 64 * MIB
MAX_MANIFEST_BYTES = MIB
MAX_CHECKPOINT_BYTES = 16 << 10
MAX_SIGNATURES = 100
MIN_SIGNATURE_BYTES = 5  # the key id in 4 bytes, and one
MAX_LOG_ENTRIES = 1 << 40
MAX_NUMBER = 1 << 53
MAX_REVISION = 999_999_999
MAX_SHOWN_CHARACTERS = 400  # of a text from the copy in a line of the output

BOT_PATTERN = "st-[0-9A-Za-z-]{1,64}"
GET_SESSIONS, INTERACTION_DETAILS = "getSessions", "interactionDetails"


class Problem(Exception):
    """Something that does not hold, in words."""


class Missing(Problem):
    """An object that the copy does not have."""


# ---- Report


class Day(NamedTuple):
    """A day of a bot. The date is yyyy-mm-dd."""

    bot: str
    date: str


NO_DAY = Day("", "")


class Failure(NamedTuple):
    """Something that does not hold, with the names of the JSON that --json prints. What does not apply is empty."""

    kind: str  # checkpoint, log, entry, record, rows, manifest, file, attachment, unentered or selection
    botId: str
    date: str
    sessionId: str
    key: str
    text: str


class Report:
    """Gathers what does not hold, and counts what was checked. Each failure goes to `tell` at once."""

    def __init__(self, tell: Callable[[Failure], None] = lambda failure: None) -> None:
        self.tell = tell
        self.failures: list[Failure] = []
        self.notes: list[str] = []
        self.entries = self.days = self.sessions = self.files = 0

    def fail(self, kind: str, text: object, key: str = "", day: Day = NO_DAY, session: str = "") -> None:
        failure = Failure(kind, day.bot, day.date, session, key, str(text))
        self.failures.append(failure)
        self.tell(failure)


def shown(text: str) -> str:
    """Text from the copy as it may be printed on any terminal: short, in ASCII, without control characters."""
    short = text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode("ascii") for c in short)


# ---- Objects: the folder with the copy


class Copy:
    """A copy of the bucket: the object of a key is the file of that path in the folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def folder_path(self, segments: list[str]) -> str:
        """A folder in the copy. Each folder on the way to it, and itself, has to be one, not a link."""
        path = self.folder
        for segment in segments:
            path = os.path.join(path, segment)
            if not stat.S_ISDIR(mode_of(path)):
                raise Problem("its path leads through something that is not a folder")
        return path

    def open(self, key: str) -> BinaryIO:
        """The plain file of a key."""
        segments = key_segments(key)
        path = os.path.join(self.folder_path(segments[:-1]), segments[-1])
        if not stat.S_ISREG(mode_of(path)):
            raise Problem("it is not a plain file")
        try:
            return open(path, "rb")
        except OSError as error:
            raise Problem(f"it cannot be read: {error.strerror}") from None

    def read(self, key: str, limit: int) -> bytes:
        """All bytes of an object that has at most `limit`."""
        with self.open(key) as file:
            data = read_from(file, limit + 1)
        if len(data) > limit:
            raise Problem(f"it has more than {limit} bytes")
        return data

    def check(self, stored: Stored, length_only: bool) -> None:
        """An object has the length and the SHA-256 that are stated. It is read piece by piece, whatever its length."""
        with self.open(stored.key) as file:
            size = os.fstat(file.fileno()).st_size
            if size != stored.bytes:
                raise Problem(f"it has {size} bytes, not {stored.bytes}")
            if length_only:
                return
            digest = hashlib.sha256()
            while piece := read_from(file, MIB):
                digest.update(piece)
        expect("its SHA-256", digest.hexdigest(), stored.sha256)

    def folders_in(self, folder_key: str) -> list[str]:
        """The names of the folders in a folder, without links to any."""
        return [name for name, _, is_folder in listed(self.folder_path(key_segments(folder_key))) if is_folder]

    def keys_below(self, folder_key: str) -> Iterator[str]:
        """The keys of everything below a folder that is not a folder itself, links among them, which are not followed."""
        waiting = [(folder_key, self.folder_path(key_segments(folder_key)))]
        while waiting:
            parent, path = waiting.pop()
            for name, item_path, is_folder in listed(path):
                key = f"{parent}/{name}"
                if is_folder:
                    waiting.append((key, item_path))
                else:
                    yield key


def listed(path: str) -> list[tuple[str, str, bool]]:
    """Of each thing in a folder the name, the path, and whether it is a folder, not a link to one."""
    try:
        with os.scandir(path) as listing:
            return sorted((item.name, item.path, item.is_dir(follow_symlinks=False)) for item in listing)
    except OSError as error:
        raise Problem(f"the folder cannot be listed: {error.strerror}") from None


def key_segments(key: str) -> list[str]:
    """The parts of a key between its slashes, if none of them can lead out of the folder."""
    if len(key.encode("utf-8", "replace")) > MAX_KEY_BYTES:
        raise Problem(f"the key has more than {MAX_KEY_BYTES} bytes")
    segments = key.split("/")
    if not all(is_segment(segment) for segment in segments):
        raise Problem("the key is not one that may be looked for: it has an empty part, . or .., or a forbidden character")
    return segments


def is_segment(text: str) -> bool:
    forbidden = "/\0\\:" if os.name == "nt" else "/\0"
    return text not in ("", ".", "..") and is_unicode(text) and not any(c in forbidden for c in text)


def is_unicode(text: str) -> bool:
    """Whether a text can be UTF-8. A half of a surrogate pair, which JSON can express, cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def mode_of(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise Missing("it does not exist") from None
    except OSError as error:
        raise Problem(f"it cannot be read: {error.strerror}") from None


def read_from(file: BinaryIO, limit: int) -> bytes:
    try:
        return file.read(limit)
    except OSError as error:
        raise Problem(f"it cannot be read: {error.strerror}") from None


# ---- JSON: values with the types that the page states


class Fields:
    """A JSON object whose values are taken out one by one, each with its type. Keys that nobody asks for are ignored."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Whether a key that may be left out is there. One that is null counts as left out."""
        return self.values.get(name) is not None

    def value(self, name: str, kind: type, kind_name: str) -> Any:
        value = self.values.get(name)
        if type(value) is not kind:  # not isinstance: True would be a number
            raise Problem(f"its {name} is not {kind_name}")
        return value

    def text(self, name: str) -> str:
        text = self.value(name, str, "a text")
        if not is_unicode(text):
            raise Problem(f"its {name} is not valid Unicode")
        return text

    def number(self, name: str) -> int:
        number = self.value(name, int, "a whole number")
        if not 0 <= number <= MAX_NUMBER:
            raise Problem(f"its {name} is out of range")
        return number

    def object(self, name: str) -> Fields:
        return Fields(self.value(name, dict, "an object"))

    def objects(self, name: str) -> list[Fields]:
        values = self.value(name, list, "a list")
        if not all(type(value) is dict for value in values):
            raise Problem(f"its {name} is not a list of objects")
        return [Fields(value) for value in values]

    def texts(self, name: str) -> list[str]:
        values = self.value(name, list, "a list")
        if not all(type(value) is str and is_unicode(value) for value in values):
            raise Problem(f"its {name} is not a list of texts")
        return values

    def sha256(self, name: str) -> str:
        text = self.text(name)
        if not re.fullmatch("[0-9a-f]{64}", text):
            raise Problem(f"its {name} is not 64 lower-case hexadecimal digits")
        return text

    def time(self, name: str) -> str:
        text = self.text(name)
        if not is_time(text):
            raise Problem(f"its {name} is not a time of RFC 3339 in UTC")
        return text

    def date(self, name: str) -> str:
        text = self.text(name)
        if not is_date(text):
            raise Problem(f"its {name} is not a date")
        return text


def parse_object(data: bytes) -> Fields:
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=each_key_once, parse_int=bounded_number, parse_constant=no_number
        )
    except RecursionError:
        raise Problem("its JSON is nested too deeply") from None
    except ValueError as error:
        raise Problem(f"it is not JSON in UTF-8: {error}") from None
    if type(value) is not dict:
        raise Problem("it is not a JSON object")
    return Fields(value)


def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key that comes twice two readers may take different values."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key comes twice in an object")
    return values


def bounded_number(digits: str) -> Any:
    """A number that is negative (-0 too) or far out of every range becomes a float, which is refused where a number is wanted."""
    return int(digits) if digits.isdecimal() and len(digits) <= 20 else float(digits)


def no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def is_date(text: str) -> bool:
    return re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) is not None and is_in_calendar(text + "T00:00:00")


def is_time(text: str) -> bool:
    match = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z", text)
    return match is not None and is_in_calendar(match.group(1))


def is_in_calendar(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Problem(f"{what} is {shown(str(found))}, not {shown(str(wanted))}")


# ---- Rows and manifests


class Stored(NamedTuple):
    """An object with its length and SHA-256, as a row, a record or a manifest states them."""

    key: str
    bytes: int
    sha256: str


class Row(NamedTuple):
    session: str
    listed_by: list[str]
    outcome: str
    manifest: Stored
    files: list[Stored]
    bytes: int


class Manifest(NamedTuple):
    bot: str
    session: str
    outcome: str
    files: list[Stored]
    attachments: list[tuple[str, Stored]]  # kind and object


def stored_of(fields: Fields) -> Stored:
    return Stored(fields.text("key"), fields.number("bytes"), fields.sha256("sha256"))


def parse_row(line: bytes) -> Fields:
    """The JSON of a line without its line feed."""
    if not (line.startswith(b"{") and line.endswith(b"}")):
        raise Problem("the line is not a JSON object and nothing else")
    return parse_object(line)


def row_of(fields: Fields, day: Day) -> Row:
    """A row that follows the rules which concern it alone."""
    expect("its botId", fields.text("botId"), day.bot)
    session = fields.text("sessionId")
    call_time = call_time_of(session)
    expect("its callTime", fields.text("callTime"), call_time)
    expect("the day of its callTime", call_time[:10], day.date)
    listed_by = fields.texts("listedBy")
    if listed_by not in ([], [GET_SESSIONS], [INTERACTION_DETAILS], [GET_SESSIONS, INTERACTION_DETAILS]):
        raise Problem("its listedBy is not a list of the vendor's lists, each once and in ascending order")
    fields.text("status")
    if fields.has("evidence"):
        check_evidence(fields.objects("evidence"))
    if fields.has("purgeAt"):
        fields.time("purgeAt")
    if fields.has("userHash"):
        fields.sha256("userHash")
    files = [stored_of(file) for file in fields.objects("files")]
    total = fields.number("bytes")
    expect("its bytes", total, sum(file.bytes for file in files))
    return Row(session, listed_by, fields.text("outcome"), stored_of(fields.object("manifest")), files, total)


def call_time_of(session: str) -> str:
    """When a call began: the Unix second in the first eight hexadecimal digits of the session's id."""
    if not re.fullmatch("[0-9a-f]{24}", session):
        raise Problem("its sessionId is not 24 lower-case hexadecimal digits")
    began = datetime.fromtimestamp(int(session[:8], 16), timezone.utc)
    return began.strftime("%Y-%m-%dT%H:%M:%SZ")


def check_evidence(evidence: list[Fields]) -> None:
    for seen in evidence:
        seen.text("status")
        seen.time("first")
        seen.time("last")
        seen.number("count")


def manifest_of(fields: Fields) -> Manifest:
    files = fields.objects("files") if fields.has("files") else []
    attachments = fields.objects("attachments") if fields.has("attachments") else []
    return Manifest(
        fields.text("botId"),
        fields.text("sessionId"),
        fields.text("outcome"),
        [stored_of(file) for file in files],
        [(attachment.text("kind"), stored_of(attachment)) for attachment in attachments],
    )


# ---- The tree of a day, and of the log: RFC 6962, section 2.1


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """The Merkle tree of leaves that are added one after the other.

    It keeps only the roots of the complete subtrees that the leaves so far fall into, the largest first: of 7 leaves those of
    4, 2 and 1. Their heights are 2, 1 and 0.
    """

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[tuple[int, bytes]] = []  # height and root

    def add(self, leaf: bytes) -> list[tuple[int, bytes]]:
        """Adds a leaf hash, and gives the height and root of every subtree that it completes, itself first."""
        completed = [(0, leaf)]
        while self.subtrees and self.subtrees[-1][0] == completed[-1][0]:
            height, left = self.subtrees.pop()
            completed.append((height + 1, node_hash(left, completed[-1][1])))
        self.subtrees.append(completed[-1])
        self.size += 1
        return completed

    def root(self) -> bytes:
        if not self.subtrees:
            return hashlib.sha256(b"").digest()
        root = self.subtrees[-1][1]
        for _, left in reversed(self.subtrees[:-1]):
            root = node_hash(left, root)
        return root


# ---- The record


class Counts(NamedTuple):
    sessions: int
    outcomes: dict[str, int]
    files: int
    bytes: int
    only_get_sessions: int
    only_interaction_details: int
    unlisted: int


class Disagreement(NamedTuple):
    """The ids of the sessions that only one list had, and of those that none had."""

    only_get_sessions: list[str]
    only_interaction_details: list[str]
    unlisted: list[str]


class Record(NamedTuple):
    day: Day
    revision: int
    sealed_at: str
    lists_answered: set[str]  # the lists that were not unavailable in every listing
    counts: Counts
    disagreement: Disagreement
    rows: Stored
    tree_size: int
    tree_root: str
    previous: Optional[tuple[str, str]]  # key and SHA-256


def revision_key(prefix: str, day: Day, revision: int, ending: str) -> str:
    return f"{prefix}days/{day.bot}/{day.date.replace('-', '/')}/r{revision}.{ending}"


def parse_record(data: bytes) -> Record:
    fields = parse_object(data)
    expect("its version", fields.number("version"), 1)
    rows = fields.object("rows")
    return Record(
        day_of(fields),
        fields.number("revision"),
        fields.time("sealedAt"),
        lists_answered(fields.objects("listings")),
        counts_of(fields.object("counts")),
        disagreement_of(fields.object("disagreement") if fields.has("disagreement") else Fields({})),
        stored_of(rows),
        rows.number("treeSize"),
        rows.sha256("treeRoot"),
        previous_of(fields.object("previous")) if fields.has("previous") else None,
    )


def day_of(fields: Fields) -> Day:
    day = Day(fields.text("botId"), fields.date("date"))
    if not re.fullmatch(BOT_PATTERN, day.bot):
        raise Problem("its botId is not st- and up to 64 letters, digits and hyphens")
    return day


def previous_of(fields: Fields) -> tuple[str, str]:
    return fields.text("key"), fields.sha256("sha256")


def lists_answered(listings: list[Fields]) -> set[str]:
    answered = set()
    for listing in listings:
        name = listing.text("list")
        listing.time("at")
        listing.number("sessions")
        listing.number("calls")
        if listing.has("incomplete"):
            listing.texts("incomplete")
        if listing.has("unavailable"):
            listing.text("unavailable")
        else:
            answered.add(name)
    return answered


def counts_of(fields: Fields) -> Counts:
    outcomes = fields.object("outcomes")
    return Counts(
        fields.number("sessions"),
        {name: outcomes.number(name) for name in outcomes.values},
        fields.number("files"),
        fields.number("bytes"),
        fields.number("onlyGetSessions"),
        fields.number("onlyInteractionDetails"),
        fields.number("unlisted"),
    )


def disagreement_of(fields: Fields) -> Disagreement:
    names = ("onlyGetSessions", "onlyInteractionDetails", "unlisted")
    return Disagreement(*[fields.texts(name) if fields.has(name) else [] for name in names])


class Tally:
    """Counts the rows of a revision."""

    def __init__(self) -> None:
        self.sessions = self.files = self.bytes = 0
        self.outcomes: dict[str, int] = {}
        self.found = Disagreement([], [], [])

    def add(self, row: Row) -> None:
        self.sessions += 1
        self.files += len(row.files)
        self.bytes += row.bytes
        self.outcomes[row.outcome] = self.outcomes.get(row.outcome, 0) + 1
        if not row.listed_by:
            self.found.unlisted.append(row.session)
        elif row.listed_by == [GET_SESSIONS]:
            self.found.only_get_sessions.append(row.session)
        elif row.listed_by == [INTERACTION_DETAILS]:
            self.found.only_interaction_details.append(row.session)

    def disagreement(self, answered: set[str]) -> Disagreement:
        """What a list that was never available does not have says nothing."""
        if GET_SESSIONS in answered and INTERACTION_DETAILS in answered:
            return self.found
        return Disagreement([], [], self.found.unlisted)

    def counts(self, disagreement: Disagreement) -> Counts:
        return Counts(self.sessions, self.outcomes, self.files, self.bytes, *[len(ids) for ids in disagreement])


# ---- The log: entries and tiles


class Entry(NamedTuple):
    """An entry of the kind `day`."""

    day: Day
    revision: int
    sealed_at: str
    record: str  # SHA-256 of the record
    tree_size: int
    tree_root: str
    counts: Counts
    leaf: bytes  # its leaf hash: equal entries, and no others, have the same


TILE_WIDTH = 256
HASH_BYTES = 32
MAX_ENTRY_BYTES = 65_535


def parse_entry(data: bytes) -> Optional[Entry]:
    """An entry of the log, or None if it is of a kind that has to be ignored."""
    fields = parse_object(data)
    if fields.text("kind") != "day":
        return None
    expect("its version", fields.number("version"), 1)
    revision = fields.number("revision")
    if not 1 <= revision <= MAX_REVISION:
        raise Problem(f"its revision is {revision}, not one from 1 to {MAX_REVISION}")
    return Entry(
        day_of(fields),
        revision,
        fields.time("sealedAt"),
        fields.sha256("record"),
        fields.number("treeSize"),
        fields.sha256("treeRoot"),
        counts_of(fields.object("counts")),
        leaf_hash(data),
    )


def tile_key(prefix: str, level: str, number: int, width: int) -> str:
    """The key of a tile. The level is a number or "entries"; tile 1234067 is at x001/x234/067."""
    digits = str(number)
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    path = "/".join(["x" + group for group in groups[:-1]] + groups[-1:])
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"{prefix}log/tile/{level}/{path}{partial}"


def split_entries(data: bytes, width: int) -> list[bytes]:
    """The entries of a tile: each after its length in two bytes, `width` of them and nothing else."""
    entries = []
    rest = memoryview(data)
    for _ in range(width):
        length = int.from_bytes(rest[:2], "big")
        if len(rest) < 2 + length:
            raise Problem(f"it ends within entry {len(entries)} of {width}")
        entries.append(bytes(rest[2 : 2 + length]))
        rest = rest[2 + length :]
    if rest:
        raise Problem(f"it has more than {width} entries")
    return entries


class Tiles:
    """Compares the hashes of the log, as they are found from its entries, with the tiles of the copy."""

    def __init__(self, copy: Copy, prefix: str, report: Report) -> None:
        self.copy, self.prefix, self.report = copy, prefix, report
        self.current: list[list[bytes]] = []  # of each level the hashes of its last tile, at most 255
        self.full: list[int] = []  # of each level the number of its full tiles

    def add(self, completed: list[tuple[int, bytes]]) -> None:
        """Takes the subtrees that a leaf has completed. Those of height 8·L belong to level L."""
        for height, root in completed:
            if height % 8 == 0:
                self.add_to_level(height // 8, root)

    def add_to_level(self, level: int, root: bytes) -> None:
        if level == len(self.current):
            self.current.append([])
            self.full.append(0)
        self.current[level].append(root)
        if len(self.current[level]) == TILE_WIDTH:
            self.compare(level)
            self.current[level] = []
            self.full[level] += 1

    def finish(self) -> None:
        """Compares the last tile of each level, if it is not full."""
        for level, hashes in enumerate(self.current):
            if hashes:
                self.compare(level)

    def compare(self, level: int) -> None:
        hashes = self.current[level]
        key = tile_key(self.prefix, str(level), self.full[level], len(hashes))
        try:
            found = self.copy.read(key, TILE_WIDTH * HASH_BYTES)
        except Problem as problem:
            self.report.fail("log", problem, key)
            return
        if found != b"".join(hashes):
            self.report.fail("log", "the tile does not have the hashes that follow from the entries", key)


# ---- The checkpoint: a signed note


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


class PublicKey(NamedTuple):
    name: str
    id: bytes
    key: bytes


class Note(NamedTuple):
    signed: bytes  # the bytes that the signatures are of
    signatures: list[tuple[str, bytes]]  # name of the key, and key id with signature


def decode_base64(text: str) -> bytes:
    """Base64 of RFC 4648 in its one right form: padded, nothing else in it, the bits that are not used zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Problem("its base64 is malformed") from None
    if base64.b64encode(data).decode("ascii") != text:
        raise Problem("its base64 is malformed")
    return data


def is_key_name(name: str) -> bool:
    return name != "" and all("!" <= c <= "~" and c != "+" for c in name)


def parse_public_key(text: str) -> PublicKey:
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_key_name(parts[0]) or not re.fullmatch("[0-9a-f]{8}", parts[1]):
        raise Problem("a public key is {name}+{8 hexadecimal digits}+{base64}")
    name, key_id, data = parts[0], bytes.fromhex(parts[1]), decode_base64(parts[2])
    if len(data) != 33 or data[0] != 1:
        raise Problem("it is not a public key of Ed25519")
    if hashlib.sha256(name.encode("utf-8") + b"\n" + data).digest()[:4] != key_id:
        raise Problem("its key id is not that of its name and key")
    decode_point(data[1:])
    return PublicKey(name, key_id, data[1:])


def parse_note(data: bytes) -> Note:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("it is not UTF-8") from None
    if any(c < " " and c != "\n" for c in text):
        raise Problem("it has control characters")
    signed, empty_line, rest = text.partition("\n\n")
    if not empty_line or not rest.endswith("\n"):
        raise Problem("it is not a signed note")
    if rest.count("\n") > MAX_SIGNATURES:
        raise Problem(f"it has more than {MAX_SIGNATURES} signatures")
    return Note((signed + "\n").encode("utf-8"), [parse_signature(line) for line in rest[:-1].split("\n")])


def parse_signature(line: str) -> tuple[str, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or not is_key_name(parts[1]):
        raise Problem("a line of a signature is malformed")
    signature = decode_base64(parts[2])
    if len(signature) < MIN_SIGNATURE_BYTES:
        raise Problem("a signature is too short")
    return parts[1], signature


def check_signature(note: Note, key: PublicKey) -> None:
    own = [data[4:] for name, data in note.signatures if name == key.name and data[:4] == key.id]
    if not own:
        raise Problem("it has no signature of the given key")
    if len(own) > 1:
        raise Problem("it has more than one signature of the given key")
    if not ed25519_holds(key.key, note.signed, own[0]):
        raise Problem("its signature is not that of the given key")


def checkpoint_of(note: Note) -> Checkpoint:
    """The content of a checkpoint. Lines after the third are ignored."""
    lines = note.signed.decode("utf-8").split("\n")[:-1]
    if len(lines) < 3:
        raise Problem("a checkpoint has three lines")
    if not re.fullmatch("0|[1-9][0-9]{0,12}", lines[1]) or int(lines[1]) > MAX_LOG_ENTRIES:
        raise Problem("its number of entries is malformed or out of range")
    root = decode_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise Problem("its root hash has not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def check_checkpoint(data: bytes, key: PublicKey) -> Checkpoint:
    """A checkpoint that holds."""
    note = parse_note(data)
    check_signature(note, key)
    checkpoint = checkpoint_of(note)
    expect("its origin", checkpoint.origin, key.name)
    return checkpoint


# ---- Ed25519: RFC 8032, section 5.1. Everything here is public, so nothing has to take constant time.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)

# A point (x, y) is kept as X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z, so that an addition needs no division.
Point = tuple[int, int, int, int]

NEUTRAL: Point = (0, 1, 1, 0)


def add_points(a: Point, b: Point) -> Point:
    """The sum of two points, RFC 8032, section 5.1.4."""
    minus = (a[1] - a[0]) * (b[1] - b[0]) % P
    plus = (a[1] + a[0]) * (b[1] + b[0]) % P
    ts = 2 * a[3] * b[3] * D % P
    zs = 2 * a[2] * b[2] % P
    e, f, g, h = plus - minus, zs - ts, zs + ts, plus + minus
    return e * f % P, g * h % P, f * g % P, e * h % P


def sum_of_multiples(m: int, a: Point, n: int, b: Point) -> Point:
    """m·A + n·B, by doubling from the highest bit of both factors down."""
    result = NEUTRAL
    for bit in reversed(range(max(m.bit_length(), n.bit_length()))):
        result = add_points(result, result)
        if m >> bit & 1:
            result = add_points(result, a)
        if n >> bit & 1:
            result = add_points(result, b)
    return result


def x_of(y: int, sign: int) -> int:
    """The x of a point with the given y, RFC 8032, section 5.1.3."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * SQRT_OF_MINUS_1 % P
    if x * x % P != square or (x == 0 and sign == 1):
        raise Problem("it is not a point of the curve")
    return x if x & 1 == sign else P - x


def decode_point(data: bytes) -> Point:
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if len(data) != 32 or y >= P:
        raise Problem("it is not a point of the curve in its one right form")
    x = x_of(y, sign)
    return x, y, 1, x * y % P


def encode_point(point: Point) -> bytes:
    z = pow(point[2], P - 2, P)
    x, y = point[0] * z % P, point[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decode_point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_holds(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature R || S is right: S·B = R + k·A. R is compared in its encoded form, the only one accepted."""
    if len(signature) != 64:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    try:
        x, y, z, t = decode_point(public_key)
    except Problem:
        return False
    k = int.from_bytes(hashlib.sha512(r + public_key + message).digest(), "little") % ORDER
    minus_a = (P - x, y, z, P - t)
    return encode_point(sum_of_multiples(s, BASE, k, minus_a)) == r


# ---- What a verifier checks


class Selection(NamedTuple):
    """What to check of the archive; what is empty selects everything."""

    bot: str = ""
    date: str = ""
    session: str = ""
    records_only: bool = False  # of files and attachments existence and length alone

    def has(self, day: Day) -> bool:
        return self.bot in ("", day.bot) and self.date in ("", day.date)

    def is_everything(self) -> bool:
        """Whether nothing was selected by name."""
        return not (self.bot or self.date or self.session)


class Revision(NamedTuple):
    """A revision of a day: its entry in the log, and that of the revision before, if there is one."""

    entry: Entry
    before: Optional[Entry]


class Verifier:
    """Checks one copy. Everything that does not hold goes to the report."""

    def __init__(self, copy: Copy, prefix: str, key: PublicKey, selection: Selection, report: Report) -> None:
        self.copy, self.prefix, self.key, self.selection, self.report = copy, prefix, key, selection, report
        self.checkpoint: Optional[Checkpoint] = None
        self.checkpoint_bytes = b""

    def verify(self, kept: Optional[Checkpoint]) -> None:
        self.read_checkpoint(kept)
        if self.checkpoint is None:
            return
        entries, is_whole = self.check_log(self.checkpoint, kept)
        days = self.sort_entries(entries)
        for day in sorted(days):
            if self.selection.has(day):
                self.check_day(day, days[day])
        if is_whole:
            self.check_selection(days)
            self.check_unentered(days)

    # Step 1

    def read_checkpoint(self, kept: Optional[Checkpoint]) -> None:
        """A checkpoint that does not hold is reported, and used all the same to go on, if it can be read."""
        key = f"{self.prefix}log/checkpoint"
        try:
            self.checkpoint_bytes = self.copy.read(key, MAX_CHECKPOINT_BYTES)
            self.checkpoint = checkpoint_of(parse_note(self.checkpoint_bytes))
            check_checkpoint(self.checkpoint_bytes, self.key)
        except Problem as problem:
            self.report.fail("checkpoint", problem, key)
        if kept and self.checkpoint and kept.size > self.checkpoint.size:
            text = f"it has {self.checkpoint.size} entries, fewer than the checkpoint that was kept, with {kept.size}"
            self.report.fail("checkpoint", text, key)

    # Step 2

    def check_log(self, checkpoint: Checkpoint, kept: Optional[Checkpoint]) -> tuple[list[tuple[str, bytes]], bool]:
        """Gives the entries, each with the key of its tile, and whether they are all there."""
        found: list[tuple[str, bytes]] = []
        tree = Tree()
        tiles = Tiles(self.copy, self.prefix, self.report) if self.selection.is_everything() else None
        is_whole = True
        self.check_extension(tree, kept)
        while tree.size < checkpoint.size:
            number = tree.size // TILE_WIDTH
            width = min(TILE_WIDTH, checkpoint.size - tree.size)
            key = tile_key(self.prefix, "entries", number, width)
            entries = self.read_entries(key, width)
            if entries is None:
                is_whole = False
                hashes = self.read_hashes(number, width)
            else:
                hashes = [leaf_hash(entry) for entry in entries]
                found += [(key, entry) for entry in entries]
            if hashes is None:
                self.report.fail("log", f"the log cannot be read from entry {tree.size} on", key)
                return found, False
            for leaf in hashes:
                completed = tree.add(leaf)
                if tiles:
                    tiles.add(completed)
                self.check_extension(tree, kept)
        if tiles:
            tiles.finish()
        if tree.root() != checkpoint.root:
            self.report.fail("log", "the entries do not give the root hash of the checkpoint", f"{self.prefix}log/checkpoint")
        self.report.entries = tree.size
        return found, is_whole

    def check_extension(self, tree: Tree, kept: Optional[Checkpoint]) -> None:
        """The first entries, as many as the kept checkpoint has, give its root."""
        if kept and tree.size == kept.size and tree.root() != kept.root:
            text = f"the log does not extend the checkpoint that was kept: its first {kept.size} entries are others"
            self.report.fail("checkpoint", text, f"{self.prefix}log/checkpoint")

    def read_entries(self, key: str, width: int) -> Optional[list[bytes]]:
        try:
            return split_entries(self.copy.read(key, width * (2 + MAX_ENTRY_BYTES)), width)
        except Problem as problem:
            self.report.fail("log", problem, key)
            return None

    def read_hashes(self, number: int, width: int) -> Optional[list[bytes]]:
        """The leaf hashes of a tile whose entries cannot be read, to go on with those after it."""
        try:
            data = self.copy.read(tile_key(self.prefix, "0", number, width), width * HASH_BYTES)
        except Problem:
            return None
        if len(data) != width * HASH_BYTES:
            return None
        return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]

    # Step 3

    def sort_entries(self, entries: list[tuple[str, bytes]]) -> dict[Day, dict[int, Entry]]:
        """The entries of each day by their revision. Of two different ones of a revision the first counts."""
        days: dict[Day, dict[int, Entry]] = {}
        for key, data in entries:
            try:
                entry = parse_entry(data)
            except Problem as problem:
                self.report.fail("entry", f"an entry does not hold: {problem}", key)
                continue
            if entry is not None:
                self.sort_entry(days.setdefault(entry.day, {}), entry, key)
        return days

    def sort_entry(self, known: dict[int, Entry], entry: Entry, key: str) -> None:
        if entry.revision in known and known[entry.revision].leaf == entry.leaf:
            return
        due = max(known, default=0) + 1
        if entry.revision != due:
            self.report.fail("entry", f"revision {entry.revision} is entered where {due} is due", key, entry.day)
        known.setdefault(entry.revision, entry)

    # Steps 4 to 6, of one day

    def check_day(self, day: Day, entries: dict[int, Entry]) -> None:
        self.report.days += 1
        latest = max(entries)
        for number in sorted(entries):
            revision = Revision(entries[number], entries.get(number - 1))
            record = self.check_record(revision)
            rows = Rows(self, revision.entry, record)
            rows.check()
            if number == latest:
                rows.check_sessions()

    # Step 4

    def check_record(self, revision: Revision) -> Optional[Record]:
        entry = revision.entry
        key = revision_key(self.prefix, entry.day, entry.revision, "json")
        record = None
        try:
            data = self.copy.read(key, MAX_RECORD_BYTES)
            if hashlib.sha256(data).hexdigest() != entry.record:
                self.report.fail("record", "its SHA-256 is not that of the log's entry", key, entry.day)
            record = parse_record(data)
            self.compare_record(record, revision)
        except Problem as problem:
            self.report.fail("record", problem, key, entry.day)
        return record

    def compare_record(self, record: Record, revision: Revision) -> None:
        """A record states what its entry states, and names the record before."""
        entry = revision.entry
        expect("its botId and date", record.day, entry.day)
        expect("its revision", record.revision, entry.revision)
        expect("its sealedAt", record.sealed_at, entry.sealed_at)
        expect("the treeSize of its rows", record.tree_size, entry.tree_size)
        expect("the treeRoot of its rows", record.tree_root, entry.tree_root)
        if record.counts != entry.counts:
            raise Problem("its counts are not those of the log's entry")
        if entry.revision == 1:
            expect("what it names as previous", record.previous, None)
            return
        if record.previous is None:
            raise Problem("it names no previous revision")
        expect("the key of its previous", record.previous[0], revision_key(self.prefix, entry.day, entry.revision - 1, "json"))
        if revision.before is not None:
            expect("the SHA-256 of its previous", record.previous[1], revision.before.record)

    # Step 7, and what was asked for

    def check_unentered(self, days: dict[Day, dict[int, Entry]]) -> None:
        for folder in self.folders_of_days():
            try:
                for key in self.copy.keys_below(folder):
                    self.check_is_entered(key, days)
            except Missing:
                continue  # nothing is there, or what the log has is missing, which has been reported
            except Problem as problem:
                self.report.fail("unentered", problem, folder)

    def folders_of_days(self) -> Iterator[str]:
        """The folders that have what was selected. A date is looked for in every folder, of a bot that the log knows or not."""
        folder = f"{self.prefix}days"
        wanted = self.selection
        date = f"/{wanted.date.replace('-', '/')}" if wanted.date else ""
        if wanted.bot or not date:
            yield folder + (f"/{wanted.bot}" if wanted.bot else "") + date
            return
        try:
            for name in self.copy.folders_in(folder):
                yield f"{folder}/{name}{date}"
        except Missing:
            return
        except Problem as problem:
            self.report.fail("unentered", problem, folder)

    def check_is_entered(self, key: str, days: dict[Day, dict[int, Entry]]) -> None:
        named = parse_revision_key(key[len(self.prefix) :])
        if named is None:
            self.report.fail("unentered", "it is not the key of a revision, and in no entry of the log", key)
            return
        day, number = named
        entries = days.get(day, {})
        if number in entries:
            return
        if number == max(entries, default=0) + 1:
            self.report.notes.append(f"{shown(key)} is in no entry of the log: it is about to be entered, or somebody has put it there")
        else:
            self.report.fail("unentered", "its revision is in no entry of the log", key, day)

    def check_selection(self, days: dict[Day, dict[int, Entry]]) -> None:
        """What was asked for by name has to be in the log, or nothing would have been checked."""
        wanted = self.selection
        if wanted.is_everything():
            return
        if not any(wanted.has(day) for day in days):
            self.report.fail("selection", "the log has no such day", day=Day(wanted.bot, wanted.date), session=wanted.session)
        elif wanted.session and self.report.sessions == 0:
            text = "the latest revision of its day has no row of this session that can be read"
            self.report.fail("selection", text, day=Day(wanted.bot, wanted.date), session=wanted.session)


def parse_revision_key(key: str) -> Optional[tuple[Day, int]]:
    """The day and the revision of a key without the prefix, or None if it is not such a key."""
    match = re.fullmatch(f"days/({BOT_PATTERN})/([0-9]{{4}})/([0-9]{{2}})/([0-9]{{2}})/r([1-9][0-9]{{0,8}})[.](json|ndjson)", key)
    if match is None:
        return None
    bot, year, month, day_of_month, number, _ = match.groups()
    date = f"{year}-{month}-{day_of_month}"
    return (Day(bot, date), int(number)) if is_date(date) else None


class Rows:
    """The rows of a revision. If its record could not be read, they are compared with the log's entry alone."""

    def __init__(self, verifier: Verifier, entry: Entry, record: Optional[Record]) -> None:
        self.copy, self.report, self.selection = verifier.copy, verifier.report, verifier.selection
        self.entry, self.record = entry, record
        self.key = revision_key(verifier.prefix, entry.day, entry.revision, "ndjson")

    def fail(self, text: object, session: str = "") -> None:
        self.report.fail("rows", text, self.key, self.entry.day, session)

    def lines(self) -> Iterator[bytes]:
        """The lines with their line feeds, no more than there are rows, and then what is left, if anything is."""
        with self.copy.open(self.key) as file:
            for _ in range(self.entry.tree_size + 1):
                try:
                    line = file.readline(MAX_LINE_BYTES + 2)
                except OSError as error:
                    raise Problem(f"it cannot be read: {error.strerror}") from None
                if not line:
                    return
                if len(line.rstrip(b"\n")) > MAX_LINE_BYTES:
                    raise Problem(f"a line has more than {MAX_LINE_BYTES} bytes")
                yield line

    # Step 5

    def check(self) -> None:
        """Of a session alone the rules are left to step 6, and counts and disagreement are not compared."""
        all_rows = not self.selection.session
        tree, tally, digest, size = Tree(), Tally(), hashlib.sha256(), 0
        last = b""
        try:
            for line in self.lines():
                digest.update(line)
                size += len(line)
                tree.add(leaf_hash(line[:-1] if line.endswith(b"\n") else line))
                if all_rows:
                    last = self.check_row(line, last, tally)
            self.compare(tree, size, digest.hexdigest())
            if all_rows:
                self.compare_tally(tally)
        except Problem as problem:
            self.fail(problem)

    def check_row(self, line: bytes, last: bytes, tally: Tally) -> bytes:
        """Gives the session's id, which the next row's has to follow."""
        session = ""
        try:
            if not line.endswith(b"\n"):
                raise Problem("the last line has no line feed")
            fields = parse_row(line[:-1])
            session = fields.text("sessionId")
            row = row_of(fields, self.entry.day)
            tally.add(row)
            if row.session.encode("utf-8") <= last:
                raise Problem("the sessions are not in ascending order, each once")
        except Problem as problem:
            self.fail(f"a row does not hold: {problem}", session)
        return session.encode("utf-8") or last

    def compare(self, tree: Tree, size: int, sha256: str) -> None:
        if tree.size > self.entry.tree_size:
            raise Problem(f"it has more than {self.entry.tree_size} rows")
        expect("the number of its rows", tree.size, self.entry.tree_size)
        expect("the root of its rows", tree.root().hex(), self.entry.tree_root)
        if self.record is not None:
            expect("its key in the record", self.record.rows.key, self.key)
            expect("its length", size, self.record.rows.bytes)
            expect("its SHA-256", sha256, self.record.rows.sha256)

    def compare_tally(self, tally: Tally) -> None:
        if self.record is None:
            return
        disagreement = tally.disagreement(self.record.lists_answered)
        if tally.counts(disagreement) != self.record.counts:
            raise Problem("the rows do not give the counts of the record")
        if disagreement != self.record.disagreement:
            raise Problem("the rows do not give the disagreement of the record")

    # Step 6

    def check_sessions(self) -> None:
        """Reads the rows once more. Whatever is wrong with the file has been reported."""
        try:
            for line in self.lines():
                self.check_session_of(line.rstrip(b"\n"))
        except Problem:
            return

    def check_session_of(self, line: bytes) -> None:
        """A row that does not follow the rules has been reported in step 5, but where only one was asked for."""
        wanted, session = self.selection.session, ""
        try:
            fields = parse_row(line)
            session = fields.text("sessionId")
            if wanted in ("", session):
                row = row_of(fields, self.entry.day)
                self.report.sessions += 1
                self.check_session(row)
        except Problem as problem:
            if wanted and wanted == session:
                self.fail(f"a row does not hold: {problem}", session)

    def check_session(self, row: Row) -> None:
        def fail(kind: str, problem: Problem, key: str) -> None:
            self.report.fail(kind, problem, key, self.entry.day, row.session)

        try:
            manifest = self.check_manifest(row)
        except Problem as problem:
            fail("manifest", problem, row.manifest.key)
            manifest = None
        if row.outcome == "archived":
            for file in row.files:
                try:
                    self.check_object(file)
                except Problem as problem:
                    fail("file", problem, file.key)
        for kind, attachment in manifest.attachments if manifest else []:
            try:
                self.check_attachment(kind, attachment)
            except Problem as problem:
                fail("attachment", problem, attachment.key)

    def check_manifest(self, row: Row) -> Manifest:
        """A manifest that agrees with its row."""
        data = self.copy.read(row.manifest.key, MAX_MANIFEST_BYTES)
        expect("its length", len(data), row.manifest.bytes)
        expect("its SHA-256", hashlib.sha256(data).hexdigest(), row.manifest.sha256)
        manifest = manifest_of(parse_object(data))
        expect("its botId", manifest.bot, self.entry.day.bot)
        expect("its sessionId", manifest.session, row.session)
        expect("its outcome", manifest.outcome, row.outcome)
        if manifest.files != row.files:
            raise Problem("its files are not those of the row")
        return manifest

    def check_attachment(self, kind: str, attachment: Stored) -> None:
        """What the lists said of a call is personal data: it may have been erased."""
        try:
            self.check_object(attachment)
        except Missing:
            if kind != "call":
                raise

    def check_object(self, stored: Stored) -> None:
        self.copy.check(stored, self.selection.records_only)
        self.report.files += 1


# ---- The checkpoint that is kept


def read_kept(path: str, key: PublicKey, report: Report) -> Optional[Checkpoint]:
    """The checkpoint that was kept, if one was. One that does not hold is reported."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_CHECKPOINT_BYTES)
    except FileNotFoundError:
        return None
    try:
        return check_checkpoint(data, key)
    except Problem as problem:
        report.fail("checkpoint", f"the checkpoint that was kept does not hold: {problem}", path)
        return None


def replace_kept(path: str, data: bytes) -> None:
    """Writes beside the file and renames, so that it is never half written."""
    descriptor, written = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".checkpoint-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(written, path)
    except OSError:
        os.unlink(written)
        raise


# ---- Command line


def parse_arguments(arguments: Optional[list[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Checks a copy of a callvault archive without trusting callvault.")
    parser.add_argument("copy", metavar="COPY", help="folder with a copy of the bucket")
    parser.add_argument("--key", required=True, metavar="FILE|TEXT", help="the operator's public key, or a file with it")
    parser.add_argument("--prefix", default="", metavar="P", help="prefix of the archive in the bucket, with its slash if it has one")
    parser.add_argument("--bot", default="", metavar="B", help="check the days of this bot alone")
    parser.add_argument("--day", default="", metavar="D", help="check this day alone, yyyy-mm-dd")
    parser.add_argument("--session", default="", metavar="S", help="check this session alone, in its day")
    parser.add_argument("--checkpoint", default="", metavar="FILE", help="the checkpoint that you keep, outside the copy")
    parser.add_argument("--records-only", action="store_true", help="check files and attachments by existence and length alone")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    if not os.path.isdir(options.copy):
        parser.error("COPY is not a folder")
    if options.day and not is_date(options.day):
        parser.error("--day is not a date, yyyy-mm-dd")
    try:
        options.key = parse_public_key(read_key(options.key))
        options.day = options.day or (call_time_of(options.session)[:10] if options.session else "")
    except (Problem, OSError, ValueError) as error:
        parser.error(f"--key or --session: {error}")
    return options


def read_key(file_or_text: str) -> str:
    if not os.path.isfile(file_or_text):
        return file_or_text
    with open(file_or_text, encoding="utf-8") as file:
        return file.read(4096).strip()


def tell_line(failure: Failure) -> None:
    """One line: what it is about, and then what does not hold."""
    named = (("day", failure.date), ("bot", failure.botId), ("session", failure.sessionId), ("key", failure.key))
    about = ", ".join(f"{name} {shown(value)}" for name, value in named if value)
    print(f"{about}: {shown(failure.text)}")


def print_summary(report: Report, records_only: bool) -> None:
    for note in report.notes:
        print(f"note: {note}")
    if records_only:
        print("note: of files and attachments only existence and length were checked")
    checked = f"{report.entries} entries, {report.days} days, {report.sessions} sessions and {report.files} files and attachments"
    if report.failures:
        print(f"{len(report.failures)} things do not hold; looked at: {checked}")
    else:
        print(f"everything holds: {checked}")


def print_json(report: Report, records_only: bool) -> None:
    checked = {"entries": report.entries, "days": report.days, "sessions": report.sessions, "files": report.files}
    failures = [failure._asdict() for failure in report.failures]
    result = {"ok": not failures, "recordsOnly": records_only, "failures": failures, "notes": report.notes, "checked": checked}
    print(json.dumps(result))


def main(arguments: Optional[list[str]] = None) -> int:
    options = parse_arguments(arguments)
    report = Report() if options.json else Report(tell_line)
    selection = Selection(options.bot, options.day, options.session, options.records_only)
    verifier = Verifier(Copy(options.copy), options.prefix, options.key, selection, report)
    try:
        kept = read_kept(options.checkpoint, options.key, report) if options.checkpoint else None
    except OSError as error:
        return complain(f"the checkpoint that was kept cannot be read: {error}")
    verifier.verify(kept)
    if options.json:
        print_json(report, options.records_only)
    else:
        print_summary(report, options.records_only)
    if report.failures:
        return 1
    try:
        if options.checkpoint and selection.is_everything():
            keep_longer(options.checkpoint, kept, verifier)
    except OSError as error:
        return complain(f"everything holds, but the checkpoint cannot be kept: {error}")
    return 0


def keep_longer(path: str, kept: Optional[Checkpoint], verifier: Verifier) -> None:
    """A kept checkpoint is only ever replaced by a longer one."""
    if verifier.checkpoint is not None and (kept is None or verifier.checkpoint.size > kept.size):
        replace_kept(path, verifier.checkpoint_bytes)


def complain(text: str) -> int:
    print(f"verify.py: {text}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
