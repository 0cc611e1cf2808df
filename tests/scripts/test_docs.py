#!/usr/bin/env python3
"""Holds docs/TOKEN.md to tests/vectors/tokens.json: runs the snippet of the page, reads its example,
and tries its expression.

Run by scripts/test; by hand: python3 tests/scripts/test_docs.py
"""

import json
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = json.loads((ROOT / "tests/vectors/tokens.json").read_text(encoding="utf-8"))["cases"]
PAGE = (ROOT / "docs/TOKEN.md").read_text(encoding="utf-8")


def block(page: str, name: str) -> str:
    """The fenced block between `<!-- name:begin -->` and `<!-- name:end -->`."""
    found = re.search(rf"<!-- {name}:begin -->\n```\w+\n(.*?)```\n<!-- {name}:end -->", page, re.S)
    if not found:
        raise AssertionError(f"docs/TOKEN.md has no block `{name}`")
    return found.group(1)


def tokens(expected: str) -> list[str]:
    """The presented texts of an outcome, those that can be written as ASCII."""
    texts = [case["text"] for case in CASES if case["expected"] == expected and "text" in case]
    return [text for text in texts if text.isascii()]


def snippet_faults(page: str) -> list[str]:
    """What the page's own code gets wrong of the vectors."""
    names: dict = {}
    exec(compile(block(page, "snippet"), "docs/TOKEN.md", "exec"), names)
    right = names["has_right_checksum"]
    return [text for text in tokens("ok") if not right(text)] + [text for text in tokens("checksum") if right(text)]


class TokenPage(unittest.TestCase):
    def test_the_vectors_have_cases_of_both_outcomes(self):
        self.assertGreater(len(tokens("ok")), 3)
        self.assertGreater(len(tokens("checksum")), 0)

    def test_the_snippet_agrees_with_every_vector(self):
        self.assertEqual(snippet_faults(PAGE), [])

    def test_control_a_snippet_that_is_wrong_is_found(self):
        planted = PAGE.replace("0123456789ABCDEF", "1023456789ABCDEF")
        self.assertNotEqual(planted, PAGE)
        self.assertNotEqual(snippet_faults(planted), [])

    def test_the_example_is_a_vector_and_its_parts_are_those_of_the_table(self):
        example = block(PAGE, "example").strip()
        case = next(case for case in CASES if case.get("text") == example)
        self.assertEqual(case["expected"], "ok")
        rows = dict(re.findall(r"^\| (\w+) \| `([^`]+)` \|$", PAGE, re.M))
        parts = {part: case[name] for part, name in
                 (("prefix", "prefix"), ("environment", "environment"), ("id", "key_id"),
                  ("secret", "secret"), ("hint", "hint"))}
        self.assertEqual({part: rows[part] for part in parts}, parts)
        body = rows["version"] + rows["id"] + rows["secret"] + rows["checksum"]
        self.assertEqual("_".join((rows["prefix"], rows["environment"], body)), example)

    def test_the_expression_finds_every_token_of_its_prefix_and_nothing_of_another(self):
        expression = re.compile(block(PAGE, "scanner").strip())
        ours = [case["text"] for case in CASES if case["expected"] == "ok" and case["prefix"] == "acme"]
        self.assertTrue(ours)
        for text in ours:
            self.assertEqual(expression.search(f'key = "{text}";').group(), text)
        for case in CASES:
            if case["expected"] == "ok" and case["prefix"] != "acme" and "acme_" not in case["text"]:
                self.assertIsNone(expression.search(case["text"]), case["case"])


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed != 0)
