#!/usr/bin/env python3
"""The controls of the scripts: each check finds a fault that is planted for it.

Run by scripts/test; by hand: python3 tests/scripts/test_checks.py
"""

import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "scripts"
sys.dont_write_bytecode = True


def script(name: str):
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(SCRIPTS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


class CheckPython(unittest.TestCase):
    check = script("check-python")

    def test_tests_that_passed_are_counted(self):
        self.assertEqual(self.check.counted("....\n261 passed in 2.75s\n"), (261, 0))

    def test_whatever_did_not_pass_is_a_failure(self):
        for line, bad in [("1 failed, 3 passed in 1s", 1), ("3 passed, 2 skipped in 1s", 2), ("3 passed, 1 error in 1s", 1),
                          ("3 passed, 1 xfailed in 1s", 1)]:
            self.assertEqual(self.check.counted(line), (3, bad), line)

    def test_a_run_of_no_tests_passes_none(self):
        self.assertEqual(self.check.counted("no tests ran in 0.01s"), (0, 0))


class CheckCpp(unittest.TestCase):
    not_offered = staticmethod(script("check-cpp").not_offered)
    C = "/* keyfob_old(x) */\ntypedef enum { KEYFOB_BUSY = 407, } e;\n  KEYFOB_LOCKED = 406,\nint keyfob_store_close(void);\n"

    def test_what_is_used_is_offered(self):
        self.assertEqual(self.not_offered(self.C, "x<keyfob_store_close>(KEYFOB_LOCKED);"), [])

    def test_what_only_a_comment_names_is_not(self):
        comment = "// keyfob_store_close()\n/** \\ref KEYFOB_LOCKED */"
        self.assertEqual(self.not_offered(self.C, comment), ["KEYFOB_LOCKED", "keyfob_store_close"])


class DemoNormalise(unittest.TestCase):
    normalise = staticmethod(script("demo-normalise").normalise)

    def test_two_runs_become_the_same_text_of_the_same_width(self):
        line = "{} acme_live_…{} 2026-11-{} 0{}:36:46 hash {} seq 3"
        one = line.format("02Xy7abcdEFGH1234x7Kq2", "4x7Kq2", 24, 2, "9f" * 32)
        two = line.format("02Xz8abcdEFGH9999zzzzz", "9zzzzz", 25, 3, "0a" * 32)
        self.assertEqual(self.normalise(one), self.normalise(two))
        self.assertEqual(len(self.normalise(one)), len(one))

    def test_a_key_and_its_hint_keep_one_number(self):
        out = self.normalise("02Xy7abcdEFGH1234x7Kq2\n02Xz8abcdEFGH9999zzzzz\nacme_live_…9zzzzz\n")
        self.assertEqual(out, "KEYID00000000000000001\nKEYID00000000000000002\nacme_live_…000002\n")

    def test_what_the_store_says_is_left_alone(self):
        said = "created key CI deploy, in 90 days, sequence 4, INSUFFICIENT_SCOPE (209), acme_live_\n"
        self.assertEqual(self.normalise(said), said)


class CheckDocs(unittest.TestCase):
    docs = script("check-docs")

    def faults(self, content: bytes) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "page.md").write_bytes(content)
            (Path(folder) / "other.md").write_text("# One `heading`, here\n## Twice\n## Twice\n")
            return self.docs.faults(Path(folder), "page.md")

    def test_good_links_pass(self):
        good = b"# Top\n[a](other.md) [b](other.md#one-heading-here) [c](#top) [d](other.md#twice-1) [e](https://example.org/x)\n`[no](link.md)`\n```\n[no](link.md)\n```\n[r]: other.md\n"
        self.assertEqual(self.faults(good), [])

    def test_each_fault_is_found(self):
        for planted in (
            b"[a](missing.md)",
            b"[a](other.md#no-such-heading)",
            b"[a](#nowhere)",
            b"[r]: missing.md",
            b"[a](../../../etc)",
            b"\xff\xfe",
            "zero\u200bwidth".encode(),
            b"line\r\n",
            b"see /" + b"home/someone/keyfob",
        ):
            self.assertEqual(len(self.faults(planted)), 1, planted)


class CheckMsrv(unittest.TestCase):
    msrv = script("check-msrv")

    def faults(self, ours, theirs) -> list[str]:
        return self.msrv.faults("1.90", {
            "workspace_members": ["a"],
            "packages": [
                {"id": "a", "name": "a", "version": "1.0.0", "rust_version": ours},
                {"id": "b", "name": "b", "version": "1.0.0", "rust_version": theirs},
            ],
        })

    def test_older_equal_and_unstated_pass(self):
        for theirs in ("1.56", "1.90.0", "1.90", None):
            self.assertEqual(self.faults("1.90", theirs), [])

    def test_each_fault_is_found(self):
        self.assertEqual(len(self.faults("1.90", "1.90.1")), 1)
        self.assertEqual(len(self.faults("1.90", "2.0")), 1)
        self.assertEqual(len(self.faults(None, "1.56")), 1)
        self.assertEqual(len(self.faults("1.85", None)), 1)


class CheckDependencies(unittest.TestCase):
    check = script("check-dependencies")

    def test_a_row_counts_only_with_a_reason(self):
        text = "| `redb` | core | the file |\n| `sha2` | core |  |\n`hex` is mentioned only\n"
        self.assertEqual(self.check.justified(text), {"redb"})

    def test_missing_and_stale_rows_are_found(self):
        self.assertEqual(self.check.faults({"redb"}, {"redb"}), [])
        self.assertEqual(len(self.check.faults({"redb", "hex"}, {"redb"})), 1)
        self.assertEqual(len(self.check.faults({"redb"}, {"redb", "chrono"})), 1)

    def test_crates_of_the_workspace_need_no_row(self):
        metadata = {"workspace_members": ["a", "b"], "packages": [
            {"id": "a", "name": "keyfob", "dependencies": [{"name": "redb"}]},
            {"id": "b", "name": "keyfob-cli", "dependencies": [{"name": "keyfob"}, {"name": "clap"}]},
        ]}
        self.assertEqual(self.check.direct(metadata), {"redb", "clap"})


class CheckInstructions(unittest.TestCase):
    check = script("check-instructions")

    def test_what_update_writes_is_read_back(self):
        measured = {"floor": 3405, "verify above the floor": 57}
        self.assertEqual(self.check.parse(self.check.text_of(measured)), measured)

    def test_a_difference_within_the_tolerance_passes(self):
        self.assertEqual(self.check.faults({"verify": 1029, "shape": 23}, {"verify": 1000, "shape": 20}), [])

    def test_each_fault_is_found(self):
        for measured in ({"verify": 1031}, {"verify": 969}, {"verify": 1000, "shape": 5}, {}):
            self.assertEqual(len(self.check.faults(measured, {"verify": 1000})), 1, measured)

    def test_every_path_has_a_committed_number(self):
        committed = self.check.parse(self.check.COMMITTED.read_text(encoding="utf-8"))
        self.assertEqual(set(committed), {self.check.name_of(path) for path in self.check.PATHS})


class CheckSyscalls(unittest.TestCase):
    check = script("check-syscalls")

    def test_only_the_marked_calls_of_the_marking_thread_are_seen(self):
        trace = "7 openat(3)\n7 getppid() = 1\n8 pread64(4) = 9\n7 pread64(4) = 9\n7 getppid() = 1\n7 fsync(3)\n"
        self.assertEqual(self.check.between(trace), ["pread64"])
        self.assertRaises(ValueError, self.check.between, "7 openat(3)\n")

    def test_each_fault_is_found(self):
        self.assertEqual(self.check.faults([], ["pread64"] * 1000), [])
        self.assertEqual(len(self.check.faults(["pread64"], ["pread64"] * 1000)), 1)
        self.assertEqual(len(self.check.faults([], [])), 1)


class CheckInstall(unittest.TestCase):
    check = script("check-install")
    DYNAMIC = " (SONAME)  Library soname: [libkeyfob.so.3]\n (FLAGS_1)  Flags: NOW NODELETE\n"

    def test_a_shared_library_as_it_should_be_passes(self):
        self.assertEqual(self.check.shared_faults(self.DYNAMIC, "3"), [])
        ldd = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n"
        self.assertEqual(self.check.needed_faults(ldd), [])

    def test_each_fault_of_a_shared_library_is_found(self):
        for planted in (self.DYNAMIC.replace("so.3", "so.4"), self.DYNAMIC.replace("(SONAME)", "(NEEDED)"),
                        self.DYNAMIC.replace(" NODELETE", "")):
            self.assertEqual(len(self.check.shared_faults(planted, "3")), 1, planted)
        for planted in ("\tlibssl.so.3 => /lib/libssl.so.3 (0x1)\n", "\tlibcrypt.so.1 => not found\n", ""):
            self.assertEqual(len(self.check.needed_faults(planted)), 1, planted)

    def test_links_that_lead_elsewhere_are_found(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.assertEqual(len(self.check.link_faults(folder, "3.0.0", "3")), 3)
            (folder / "libkeyfob.so.3.0.0").touch()
            (folder / "libkeyfob.so.3").symlink_to("libkeyfob.so.3.0.0")
            (folder / "libkeyfob.so").symlink_to("libkeyfob.so.2.0.0")
            self.assertEqual(len(self.check.link_faults(folder, "3.0.0", "3")), 1)
            (folder / "libkeyfob.so").unlink()
            (folder / "libkeyfob.so").symlink_to("libkeyfob.so.3.0.0")
            self.assertEqual(self.check.link_faults(folder, "3.0.0", "3"), [])

    def test_foreign_and_missing_names_are_found(self):
        ours = {"keyfob_version", "keyfob_store_open"}
        self.assertEqual(self.check.archive_faults(ours, ours), [])
        self.assertNotEqual(self.check.archive_faults(ours | {"rust_eh_personality"}, ours), [])
        self.assertEqual(len(self.check.archive_faults(ours - {"keyfob_version"}, ours)), 1)
        self.assertEqual(len(self.check.archive_faults(set(), set())), 1)

    def test_versions_that_differ_are_found(self):
        self.assertEqual(self.check.version_faults({"a": "1.0.0", "b": "1.0.0"}), [])
        self.assertEqual(len(self.check.version_faults({"a": "1.0.0", "b": "1.0.1", "c": "1.0.0"})), 1)

    def test_before_1_0_another_minor_will_not_do(self):
        self.assertEqual(self.check.answers("0.2.1"), {
            "0.2.1": True, "0.2": True, "0.2.2": False, "0.3": False, "1.0": False, "0.1": False})
        self.assertEqual(self.check.answers("1.2.0")["1.1"], True)

    def test_a_prefix_that_no_pkg_config_file_can_hold_is_refused_before_anything_is_built(self):
        for planted in ("relative", "/with blank", "/with$dollar"):
            done = subprocess.run(
                [str(SCRIPTS / "install")], env={**os.environ, "PREFIX": planted, "CARGO": "false"},
                stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual((done.returncode, "nothing was installed" in done.stderr), (1, True), planted)


class CheckCargoC(unittest.TestCase):
    check = script("check-cargo-c")

    def test_each_difference_is_found(self):
        ours = {"version": {"0.1.0"}, "soname": ["libkeyfob.so.0"]}
        self.assertEqual(self.check.faults(ours, dict(ours)), [])
        self.assertEqual(len(self.check.faults(ours, {**ours, "soname": ["libkeyfob.so.0.1"]})), 1)


class CheckC(unittest.TestCase):
    check = script("check-c")

    def in_folder(self, run):
        with tempfile.TemporaryDirectory() as folder:
            return run(Path(folder))

    def compared(self, planted: str) -> None:
        """Compares the committed ABI with that of a header that is not the committed one."""
        def run(folder: Path) -> None:
            (folder / "planted.h").write_text(planted, encoding="utf-8")
            library = self.check.stub_library(folder, self.check.header.parse(planted), '"planted.h"')
            self.check.compare_abi(self.check.description(), library)
        self.in_folder(run)

    def planted(self, old: str, new: str) -> str:
        text = self.check.header.HEADER.read_text(encoding="utf-8")
        self.assertIn(old, text)
        return text.replace(old, new, 1)

    def test_what_breaks_no_program_passes_the_abi(self):
        for old, new in (
            ("} keyfob_scan_result;", "  uint64_t more;\n} keyfob_scan_result;"),
            ("} keyfob_store_options;", "  uint64_t more;\n} keyfob_store_options;"),
            ("KEYFOB_PROJECT_OWNER = 2,", "KEYFOB_PROJECT_OWNER = 2,\n  KEYFOB_PROJECT_MORE = 4,"),
            ("uint32_t keyfob_abi_version(void)", "int keyfob_more(void) KEYFOB_NOEXCEPT;\nuint32_t keyfob_abi_version(void)"),
        ):
            self.compared(self.planted(old, new))

    def test_what_breaks_programs_does_not(self):
        for old, new in (
            ("  uint64_t skipped;\n} keyfob_scan", "  uint64_t more;\n  uint64_t skipped;\n} keyfob_scan"),
            ("} keyfob_text;", "  size_t more;\n} keyfob_text;"),
            ("KEYFOB_NO_SUCH_KEY = 300", "KEYFOB_NO_SUCH_KEY = 399"),
            ("  KEYFOB_PROJECT_OWNER = 2,\n", ""),
            ("uint32_t keyfob_abi_version(void) KEYFOB_NOEXCEPT;", ""),
            ("keyfob_key_state_name(uint32_t state)", "keyfob_key_state_name(uint64_t state)"),
            ("keyfob_progress_fn)(uint64_t done, ", "keyfob_progress_fn)("),
        ):
            self.assertRaises(self.check.Failed, self.compared, self.planted(old, new))

    def test_another_type_of_a_field_changes_the_layout(self):
        declared = self.check.header.parse(self.planted("int64_t default_lifetime;", "uint64_t default_lifetime;"))
        self.assertNotEqual(self.in_folder(lambda folder: self.check.layout_of(folder, declared)), self.check.LAYOUT.read_text())

    def test_each_difference_of_names_is_found(self):
        self.assertEqual(self.check.export_faults({"keyfob_a"}, {"keyfob_a"}), [])
        self.assertEqual(len(self.check.export_faults({"keyfob_a"}, set())), 1)
        self.assertEqual(len(self.check.export_faults(set(), {"rust_eh_personality"})), 1)
        self.assertEqual(self.check.symbol_faults("keyfob_a 0.1\n", "keyfob_a 0.1\n"), [])
        self.assertEqual(len(self.check.symbol_faults("keyfob_a 0.2\n", "keyfob_a 0.1\n")), 2)
        self.assertEqual(len(self.check.symbol_faults("", "keyfob_a 0.1\n")), 1)

    def test_a_declaration_that_is_not_understood_is_no_silence(self):
        self.assertRaises(ValueError, self.check.header.parse, "keyfob_status keyfob_new(int) SOMETHING_ELSE;")

    def test_a_struct_with_padding_or_a_header_with_a_warning_does_not_compile(self):
        def run(folder: Path) -> None:
            first, _ = self.check.users(self.check.header.read())
            (folder / "first.c").write_text(first.replace("#include \"", "STRUCT(keyfob_text, 24)\n#include \"", 1))
            self.check.run("gcc", "-fsyntax-only", f"-I{self.check.ROOT}/include", folder / "first.c")
        self.assertRaises(self.check.Failed, self.in_folder, run)

    # What the programs of tests find: each with the fault that it is there for.

    def suite(self, body: str, *options: str, **how) -> None:
        def run(folder: Path) -> None:
            source = folder / "planted.c"
            source.write_text('#include "harness.h"\n#include <pthread.h>\n#include <stdlib.h>\n' + body)
            library = self.check.libraries(folder)
            program = self.check.compile_with(folder, "planted", [self.check.C / "harness.c", self.check.C / "world.c", source], library, *options)
            self.check.counted(program, **how)
        self.in_folder(run)

    def test_a_check_that_does_not_hold_fails_the_suite(self):
        self.suite("TEST(holds) { CHECK(w != NULL); }")
        self.assertRaises(self.check.Failed, self.suite, "TEST(does_not_hold) { CHECK(w == NULL); }")
        self.assertRaises(self.check.Failed, self.suite, "")

    def test_valgrind_finds_what_is_not_freed(self):
        memcheck = {"under": self.check.MEMCHECK}
        self.suite("TEST(frees) { keyfob_key_free(w_key(w)); }", **memcheck)
        self.assertRaises(self.check.Failed, self.suite, "TEST(leaks) { CHECK(w_key(w) != NULL); }", **memcheck)

    def test_valgrind_finds_a_use_after_free_in_the_library(self):
        use = "TEST(uses) { keyfob_key *key = w_key(w); keyfob_key_free(key); CHECK(keyfob_key_created_at(key) != 1); }"
        self.assertRaises(self.check.Failed, self.suite, use, under=self.check.MEMCHECK)

    def test_the_sanitizers_find_a_leak_of_the_library(self):
        self.assertRaises(self.check.Failed, self.suite, "TEST(leaks) { CHECK(w_key(w) != NULL); }",
                          *self.check.SANITIZERS, env=self.check.SANITIZING)

    def test_tsan_finds_a_race_of_the_c_side(self):
        race = ("static int shared; static void *add(void *of) { shared++; return of; }\n"
                "TEST(races) { pthread_t a, b; CHECK(w != NULL); pthread_create(&a, NULL, add, NULL); pthread_create(&b, NULL, add, NULL);"
                " pthread_join(a, NULL); pthread_join(b, NULL); }")
        self.assertRaises(self.check.Failed, self.suite, race, "-fsanitize=thread", env=self.check.TSAN)

    def test_the_sweep_finds_a_crash_a_wrong_status_and_a_struct_that_is_written_beyond(self):
        faults = {
            "crash": "return *(volatile keyfob_status *)w->store;",
            "status": "return v->kind == VALID ? KEYFOB_OK : KEYFOB_BUSY;",
            "beyond": "static char whole[8]; char *to = shaped(v, 0, whole, sizeof whole, NULL, 0, 1); if (v->kind == SIZED && to != NULL) { to[sizeof whole + (size_t)v->number] = 1; } return KEYFOB_OK;",
        }
        def run(folder: Path, body: str) -> None:
            calls = folder / "calls.c"
            calls.write_text('#include "sweep.h"\nstatic keyfob_status call(struct world *w, const struct variation *v) { (void)w; (void)v; ' + body + " }\n"
                             'const struct call CALLS[] = { { "planted", call } };\n'
                             'const struct one ONES[] = { { 0, "planted with NULL", { 0, NULLED, 0, 0, 0, NULL, 0 }, KEYFOB_NULL_ARGUMENT } };\nconst size_t ONE_COUNT = 1;\n'
                             'const struct sizes SIZES[] = { { 0, 0, "planted at every size", 8, 1 } };\nconst size_t SIZES_COUNT = 1;\n')
            library = self.check.libraries(folder)
            program = self.check.compile_with(folder, "sweep", [self.check.C / "sweep.c", self.check.C / "world.c", calls], library)
            self.check.counted(program)
        for name, body in faults.items():
            with self.assertRaises(self.check.Failed, msg=name):
                self.in_folder(lambda folder: run(folder, body))


class CheckCDocs(unittest.TestCase):
    check = script("check-c-docs")
    GOOD = """
/**
 * Makes a thing.
 *
 * Errors: NULL_ARGUMENT.
 *
 * Threads: any.
 *
 * \\param name        its name
 * \\param[out] thing  the thing; free it with keyfob_thing_free()
 * \\param[out] err    why it failed; may be NULL
 * \\since 0.1
 */
KEYFOB_NODISCARD
keyfob_status keyfob_thing_new(const char *name, struct keyfob_thing **thing, struct keyfob_error **err) KEYFOB_NOEXCEPT;
"""

    def test_a_comment_that_says_everything_passes(self):
        self.assertEqual(self.check.faults(self.GOOD), [])

    def test_each_fault_is_found(self):
        for said, instead in (("Threads: any.", ""), ("\\since 0.1", ""), ("Errors: NULL_ARGUMENT.", ""),
                              ("; free it with keyfob_thing_free()", ""), ("param name ", "param other "),
                              (" * \\param name        its name\n", "")):
            self.assertEqual(len(self.check.faults(self.GOOD.replace(said, instead))), 1, said)
        self.assertEqual(len(self.check.faults("")), 1)

    def test_doxygen_warns_of_what_has_no_comment(self):
        for header, warns in (("/** \\file\n * All. */\n/** One. */\nint one(void);\n", False),
                              ("/** \\file\n * All. */\n/** One. */\nint one(void);\nint two(void);\n", True)):
            with tempfile.TemporaryDirectory() as folder:
                root = Path(folder)
                (root / "docs").mkdir()
                (root / "docs/Doxyfile").write_text((SCRIPTS.parent / "docs/Doxyfile").read_text())
                (root / "include").mkdir()
                (root / "include/planted.h").write_text(header)
                self.assertEqual(bool(self.check.warnings(root)), warns)


class CheckExamples(unittest.TestCase):
    check = script("check-examples")

    def test_each_block_is_read_with_what_it_prints(self):
        page = "```c\nf();\n```\n\nIt prints:\n\n```text\n1\n```\n```sh\nls\n```\n```c\ng();\n```\n"
        self.assertEqual(self.check.blocks(page), [("c", "f();\n", "1\n"), ("sh", "ls\n", None), ("c", "g();\n", None)])

    def test_definitions_stand_as_they_are_and_the_rest_is_called(self):
        made = self.check.program(["static int one(void) { return 1; }\n", "printf(\"%d\", one());\n"])
        self.assertIn("\nstatic int one(void)", made)
        self.assertEqual(made.count("run(store, piece_"), 1)

    def test_each_fault_is_found(self):
        differences = self.check.differences
        self.assertEqual(differences("C", ["1\n", None], "1\n== end\nanything\n== end\n"), [])
        self.assertEqual(len(differences("C", ["1\n"], "2\n== end\n")), 1)
        self.assertEqual(len(differences("C", ["1\n", "2\n"], "1\n== end\n")), 1)
        self.assertEqual(len(differences("C", [None], "")), 1)


class Parts(unittest.TestCase):
    """scripts/parts.sh: what fails is counted and named, and does not stop the rest."""

    def run_parts(self, body: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n. '{SCRIPTS}/parts.sh'\n{body}\nfinish"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True)

    def test_sums_what_cargo_test_and_own_scripts_report(self):
        done = self.run_parts(
            "part a printf 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\\ntest result: ok. 4 passed; 0 failed; 0 ignored\\n' || true\n"
            "part b printf '5 passed, 0 failed\\n' || true\npart c true || true")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (0, "13 passed, 0 failed"))

    def test_a_failure_is_named_and_the_next_part_runs(self):
        done = self.run_parts("part first false || true\npart second printf '2 passed, 0 failed\\n' || true")
        lines = done.stdout.splitlines()
        self.assertEqual((done.returncode, lines[-1]), (1, "2 passed, 1 failed"))
        self.assertTrue(any(line.startswith("FAILED first") for line in lines))

    def test_a_crash_after_passing_tests_is_a_failure(self):
        done = self.run_parts("part a bash -c 'echo \"test result: ok. 3 passed; 0 failed; 0 ignored\"; exit 101' || true")
        self.assertEqual((done.returncode, done.stdout.splitlines()[-1]), (1, "3 passed, 1 failed"))

    def test_notes_of_inner_scripts_reach_the_summary(self):
        done = self.run_parts("part a echo 'note: advisories were NOT checked' || true")
        self.assertIn("note: advisories were NOT checked", done.stdout.split("== summary")[1])


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(failed != 0)
