#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A reader of profile.proto that shares nothing with the writer under test.

Pure standard library. load() also checks what every reader relies on (ids, strings, sample
types), so a test that reads a profile has checked its shape. As a program it prints a profile:

    pprof.py FILE            totals, labels, the hottest lines
    pprof.py --stacks FILE   every sample, leaf first
    pprof.py --json FILE     the ledger
"""
import collections
import gzip
import json
import sys

Frame = collections.namedtuple("Frame", "name file start line")


class Bad(Exception):
    """The file is no profile, or not one that every engine would accept."""


def _varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Bad("varint runs over the end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
        shift += 7


def _fields(data):
    """Yield (number, int or bytes) of one message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise Bad("field %d runs over the end" % number)
            value, at = data[at : at + size], at + size
        else:
            raise Bad("field %d has wire type %d" % (number, wire))
        yield number, value


def _signed(value):
    return value - (1 << 64) if value >> 63 else value


def _numbers(value):
    """A repeated number, packed or not."""
    if isinstance(value, int):
        return [value]
    ret, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        ret.append(number)
    return ret


def _message(data, names):
    """One message of scalars as a dict; `names` maps field number to name."""
    ret = dict.fromkeys(names.values(), 0)
    for number, value in _fields(data):
        if number in names:
            ret[names[number]] = value
    return ret


class Sample:
    """One sample: its stack, leaf first; values and labels by name."""

    __slots__ = ("stack", "values", "labels", "units")

    def __init__(self, stack, values, labels, units):
        self.stack, self.values, self.labels, self.units = stack, values, labels, units

    @property
    def count(self):
        return self.values["samples"]

    @property
    def cpu(self):
        return self.values["cpu"]

    @property
    def leaf(self):
        return self.stack[0]

    def names(self):
        return [frame.name for frame in self.stack]

    def has(self, name):
        return any(frame.name == name for frame in self.stack)


class Profile:
    """What stands in the file. Made by load() or parse()."""

    def __init__(self, data):
        self.strings, raw = [], collections.defaultdict(list)
        numbers = {}
        for number, value in _fields(data):
            if number == 6:
                try:
                    self.strings.append(value.decode("utf-8"))
                except UnicodeDecodeError as error:
                    raise Bad("string %d is not UTF-8" % len(self.strings)) from error
            elif number == 13:
                raw[13] += _numbers(value)
            elif isinstance(value, int):
                numbers[number] = _signed(value)
            else:
                raw[number].append(value)
        if not self.strings or self.strings[0]:
            raise Bad("string 0 is not empty")
        self.drop_frames = self._string(numbers.get(7, 0))
        self.keep_frames = self._string(numbers.get(8, 0))
        self.time_ns, self.duration_ns = numbers.get(9, 0), numbers.get(10, 0)
        self.period = numbers.get(12, 0)
        self.comments = [self._string(index) for index in raw[13]]
        self.default_sample_type = self._string(numbers.get(14, 0))
        self.doc_url = self._string(numbers.get(15, 0))
        self.sample_types = [self._value_type(value) for value in raw[1]]
        self.period_type = self._value_type(raw[11][0]) if raw[11] else None
        self._read_places(raw)
        self.samples = [self._sample(value) for value in raw[2]]
        self._check()

    def _string(self, index):
        if not 0 <= index < len(self.strings):
            raise Bad("string %d of %d" % (index, len(self.strings)))
        return self.strings[index]

    def _value_type(self, data):
        got = _message(data, {1: "type", 2: "unit"})
        return self._string(got["type"]), self._string(got["unit"])

    def _read_places(self, raw):
        self.mappings = [
            _message(value, {1: "id", 2: "start", 3: "limit", 5: "file", 6: "build_id",
                             7: "has_functions", 8: "has_filenames", 9: "has_line_numbers"})
            for value in raw[3]
        ]
        for mapping in self.mappings:
            mapping["file"] = self._string(mapping["file"])
        functions = [
            _message(value, {1: "id", 2: "name", 3: "system_name", 4: "file", 5: "start"})
            for value in raw[5]
        ]
        for function in functions:
            for key in ("name", "system_name", "file"):
                function[key] = self._string(function[key])
        self.functions = functions
        by_id = {function["id"]: function for function in functions}
        self.locations, self.frames = [], {}
        for value in raw[4]:
            location = _message(value, {1: "id", 2: "mapping", 3: "address"})
            lines = [
                _message(line, {1: "function", 2: "line"}) for number, line in _fields(value)
                if number == 4
            ]
            if not lines or any(line["function"] not in by_id for line in lines):
                raise Bad("location %d has no function" % location["id"])
            self.locations.append(location)
            self.frames[location["id"]] = [
                self._frame(by_id[line["function"]], line["line"]) for line in lines
            ]

    @staticmethod
    def _frame(function, line):
        return Frame(function["name"], function["file"], _signed(function["start"]), _signed(line))

    def _sample(self, data):
        places, values, labels, units = [], [], {}, {}
        for number, value in _fields(data):
            if number == 1:
                places += _numbers(value)
            elif number == 2:
                values += [_signed(each) for each in _numbers(value)]
            elif number == 3:
                label = _message(value, {1: "key", 2: "str", 3: "num", 4: "unit"})
                key = self._string(label["key"])
                if key in labels:
                    raise Bad("label %s twice in one sample" % key)
                labels[key] = self._string(label["str"]) if label["str"] else _signed(label["num"])
                units[key] = self._string(label["unit"])
        if len(values) != len(self.sample_types):
            raise Bad("%d values of %d types" % (len(values), len(self.sample_types)))
        for place in places:
            if place not in self.frames:
                raise Bad("location %d is nowhere" % place)
        return Sample([frame for place in places for frame in self.frames[place]],
                      dict(zip([name for name, unit in self.sample_types], values)), labels, units)

    def _check(self):
        for what, items in (("mapping", self.mappings), ("function", self.functions),
                            ("location", self.locations)):
            if sorted(item["id"] for item in items) != list(range(1, len(items) + 1)):
                raise Bad("ids of the %ss are not 1..%d" % (what, len(items)))
        ids = {mapping["id"] for mapping in self.mappings}
        for location in self.locations:
            if location["mapping"] not in ids:
                raise Bad("location %d has no mapping" % location["id"])
        for name, unit in self.sample_types:
            if "-" in name or "-" in unit:
                raise Bad("sample type %s/%s has a dash" % (name, unit))
        if len(set(self.strings)) != len(self.strings):
            raise Bad("the same string stands twice")

    @property
    def json(self):
        """The ledger, out of the comment that is one `# {json}` line; None without one."""
        for comment in self.comments:
            if comment.startswith("# {"):
                return json.loads(comment[2:])
        return None

    def total(self, value="samples", where=lambda sample: True):
        return sum(sample.values[value] for sample in self.samples if where(sample))

    def by(self, key, value="samples", where=lambda sample: True):
        """Totals by key(sample), most first."""
        ret = collections.Counter()
        for sample in self.samples:
            if where(sample):
                ret[key(sample)] += sample.values[value]
        return ret


def parse(data):
    return Profile(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def load(path):
    with open(path, "rb") as file:
        return parse(file.read())


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    profile = load(arguments[-1])
    if "--json" in arguments:
        print(json.dumps(profile.json, indent=1))
        return
    if "--stacks" in arguments:
        for sample in profile.samples:
            print(sample.count, sample.labels, *("%s:%d" % (frame.name, frame.line)
                                                 for frame in sample.stack), sep="\n    ")
        return
    print("types", profile.sample_types, "default", profile.default_sample_type)
    print("period", profile.period, profile.period_type, "duration", profile.duration_ns)
    print("mappings", [mapping["file"] for mapping in profile.mappings])
    print(*profile.comments, sep="\n")
    print("samples %d in %d stacks" % (profile.total(), len(profile.samples)))
    for key in sorted({key for sample in profile.samples for key in sample.labels}):
        print(key, profile.by(lambda sample, key=key: sample.labels.get(key)).most_common(8))
    for frame, count in profile.by(lambda sample: sample.leaf).most_common(10):
        print("%8d  %s:%d  %s" % (count, frame.name, frame.line, frame.file))


if __name__ == "__main__":
    main(sys.argv[1:])
