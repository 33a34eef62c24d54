#!/usr/bin/env python3
"""Writes expectations.cpp: what Jinja 3.1, set up as Hugging Face transformers does for chat templates,
makes of each snippet in snippets.txt. Run it here after adding snippets: python3 make_expectations.py

Snippets are separated by lines of four dashes. One that begins with "? " fails with a message that is
worded differently in C++, so only that it fails is recorded.
"""
import datetime
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = pathlib.Path(__file__).parent
VARIABLES = FOLDER / "variables.json"


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _pass(self, context, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = datetime.datetime(2026, 3, 14, 9, 26, 53).strftime
    return env


def literal(text):
    """A C++ string literal; octal escapes, because they end after three digits."""
    escapes = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\", "?": "\\?"}
    return '"' + "".join(escapes.get(c, c if c >= " " and c != "\x7f" else f"\\{ord(c):03o}") for c in text) + '"'


def main():
    variables = VARIABLES.read_text()
    env = environment()
    rows = []
    for snippet in (FOLDER / "snippets.txt").read_bytes().decode()[:-1].split("\n----\n"):
        own_message = snippet.startswith("? ")
        source = snippet[2:] if own_message else snippet
        try:
            outcome, text = "renders", env.from_string(source).render(
                tools=None, documents=None, add_generation_prompt=True, bos_token="<s>", eos_token="</s>",
                messages=json.loads(variables)["messages"],
                **{k: v for k, v in json.loads(variables).items() if k != "messages"})
        except Exception as e:
            outcome, text = ("fails", "") if own_message else ("fails_with", str(e))
        rows.append(f"    {{outcome::{outcome}, {literal(source)},\n     {literal(text)}}},")
    out = ["// What Jinja makes of each snippet of snippets.txt; written by make_expectations.py.",
           '#include "unit/model_chat_template/reference/expectations.hpp"', "",
           f"const char* const reference_variables =\n    {literal(variables)};", "",
           "const expectation expectations[] = {", *rows, "};",
           f"const std::size_t expectation_count = {len(rows)};", ""]
    (FOLDER / "expectations.cpp").write_bytes("\n".join(out).encode())


if __name__ == "__main__":
    main()
