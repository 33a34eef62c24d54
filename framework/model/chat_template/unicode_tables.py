#!/usr/bin/env python3
"""Writes unicode_tables.cpp from this Python's Unicode database: python3 unicode_tables.py > unicode_tables.cpp"""
import sys
import unicodedata

END = 0x110000


def flags(c: str) -> int:
    """The bits of unicode.hpp's character_flags, in its order."""
    tests = (c.isalpha(), c.isdecimal(), c.isdigit(), c.isnumeric(), c.islower(), c.isupper(),
             unicodedata.category(c) == "Lt", c.isprintable())
    return sum(1 << i for i, t in enumerate(tests) if t)


def runs():
    last = -1
    for code in range(END):
        f = flags(chr(code))
        if f != last:
            yield code << 8 | f
            last = f


def mapping(change):
    """Ranges (first, last, stride, delta) of single-character changes, and the changes to several characters."""
    ranges, several = [], []
    for code in range(END):
        out = change(chr(code))
        if len(out) > 1:
            several.append((code, [ord(x) for x in out] + [0] * (3 - len(out))))
        elif ord(out) != code:
            delta = ord(out) - code
            if ranges:
                first, last, stride, d = ranges[-1]
                if d == delta and (first == last and code - last <= 2 or code - last == stride):
                    ranges[-1] = (first, code, code - last, d)
                    continue
            ranges.append((code, code, 1, delta))
    return ranges, several


def rows(items, width):
    for i in range(0, len(items), width):
        print("    " + " ".join(items[i:i + width]))


print(f"// Character classes and case mappings of Unicode {unicodedata.unidata_version}; written by unicode_tables.py.")
print('#include "model/chat_template/unicode_tables.hpp"\n\nnamespace tokamak::jinja {\n')
classes = list(runs())
print("const std::uint32_t class_runs[] = {")
rows([f"0x{x:x}," for x in classes], 12)
print(f"}};\nconst std::size_t class_run_count = {len(classes)};\n")
for name, change in (("lower", str.lower), ("upper", str.upper), ("title", str.title), ("fold", str.casefold)):
    ranges, several = mapping(change)
    print(f"static const case_range {name}_ranges[] = {{")
    rows([f"{{0x{a:x}, 0x{b:x}, {s}, {d}}}," for a, b, s, d in ranges], 5)
    print(f"}};\nstatic const case_expansion {name}_expansions[] = {{")
    rows([f"{{0x{c:x}, {{0x{o[0]:x}, 0x{o[1]:x}, 0x{o[2]:x}}}}}," for c, o in several], 4)
    print("};")
    print(f"const case_table {name}_table = {{{name}_ranges, {len(ranges)}, {name}_expansions, {len(several)}}};\n")
print("} // namespace tokamak::jinja")
sys.stdout.flush()
