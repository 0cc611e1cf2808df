"""Writes the calls of the sweep (sweep.c): every function of the header with NULL in each pointer
position, with numbers that mean nothing, with each field of each struct that is passed in wrong,
and with each struct at every size. What is expected follows from the words of the header.

    python3 tests/c/sweep.py > calls.c
"""

import re
import sys

import header

FAR = ["UINT64_C(0x80000000)", "UINT64_C(0xffffffff)", "UINT64_C(0x8000000000000000)", "UINT64_MAX"]
# More than memory can hold; what is less is the caller's word.
IMPOSSIBLE = ["SIZE_MAX - 1", "SIZE_MAX / 2 + 1", "SIZE_MAX / 16 + 2"]
# Written whatever the status is, as their functions say.
KEPT_ON_FAILURE = {"keyfob_bulk_result"}
KEPT_OUTPUTS = {("keyfob_store_create_keys", "created"), ("keyfob_store_import", "imported")}

TEXTS = {
    "backup": "w->backup_path", "to": "w_new_path(w)", "key_id": "w->key_id",
    "id": "w->key_id", "token": "w->token", "value": "w->value", "name": '"shop"', "scope": '"orders:read"',
    "suffix": "w->key_id + 16", "hex": "w->pepper_hex", "actor": '"other"', "data": "w->token",
}
TEXTS_OF = {
    ("keyfob_store_create", "path"): "w_new_path(w)",
    ("keyfob_restore", "path"): "w_new_path(w)",
    ("keyfob_store_scan", "path"): "w->leak_path",
    ("keyfob_store_open", "path"): "w_copy_of(w, w->closed_path)",
    ("keyfob_store_open_or_create", "path"): "w_copy_of(w, w->closed_path)",
    ("keyfob_set_pepper", "path"): "w_copy_of(w, w->closed_path)",
    ("keyfob_remove_pepper", "path"): "w_copy_of(w, w->peppered_path)",
    ("keyfob_store_get_project_by_id", "id"): "w->project_id",
    ("keyfob_key_metadata", "name"): '"team"',
}
NUMBERS = {
    "index": "0", "most": "10", "count": "1", "lines_count": "LINES", "format": "KEYFOB_IMPORT_RAW",
    "sequence": "keyfob_info_sequence(w_info(w))", "through": "1", "at": "START", "now": "START", "seconds": "1",
    "secrets": "0", "reason": "0", "state": "KEYFOB_STATE_ACTIVE", "status": "KEYFOB_OK", "denial": "KEYFOB_MALFORMED",
}
CALLBACKS = {"keyfob_progress_fn": "w_progress", "keyfob_refusal_fn": "w_refused", "keyfob_scan_found_fn": "w_found", "keyfob_scan_skipped_fn": "w_skipped"}


def base(kind: str) -> str:
    return kind.replace("const ", "").replace("struct ", "").rstrip("*").replace("*const", "").strip()


class Writer:
    def __init__(self, declared: header.Header):
        self.declared = declared
        self.calls: list[str] = []
        self.ones: list[str] = []
        self.sizes: list[str] = []
        self.bytes = 0

    # One call.

    def call(self, number: int, function: header.Function) -> None:
        before, after = [], []
        names = [p.name for p in function.params]
        has_status = function.returns == "keyfob_status" and "err" in names or function.name.startswith("keyfob_store_verify")
        for at, p in enumerate(function.params):
            lines, checks = self.argument(function, at, p, names)
            before += lines
            after += checks
        arguments = ", ".join(p.name for p in function.params)
        called = f"{function.name}({arguments})"
        if has_status:
            body = [*before, f"const keyfob_status status = {called};", *after, "return status;"]
        elif function.returns == "void":
            body = [*before, f"{called};", *after, "return KEYFOB_OK;"]
        elif function.returns == "keyfob_status":
            body = [*before, f"return {called};"]
        elif function.returns.endswith("*"):
            body = [*before, f"return {called} == NULL ? ABSENT : KEYFOB_OK;"]
        else:
            body = [*before, f"return {called} == 0 ? ABSENT : KEYFOB_OK;"]
        unused = ["(void)w;", "(void)v;"]
        self.calls.append(
            f"static keyfob_status call_{number}(struct world *w, const struct variation *v)\n{{\n"
            + "".join(f"    {line}\n" for line in unused + body) + "}\n")

    def argument(self, function: header.Function, at: int, p: header.Place, names: list[str]) -> tuple[list[str], list[str]]:
        name, kind, of = p.name, p.type, base(p.type)
        null = f"IS_NULL(v, {at}) ? NULL : "
        on_failure = "if (failed(status)) "
        if kind in CALLBACKS:
            return [f"{kind} {name} = {null}{CALLBACKS[kind]};"], []
        if kind == "void *":
            if name == "user":
                return ["int user_data = 0;", f"void *{name} = {null}(void *)&user_data;"], []
            return ["char memory[16] = { 1 };", f"void *{name} = {null}(void *)memory;"], []
        if not p.is_pointer:
            if kind == "size_t" and name not in NUMBERS:
                capacity = name.endswith("capacity")
                good = "sizeof buffer" if capacity else "sizeof memory" if function.name == "keyfob_memzero" else "KEYFOB_NUL"
            else:
                good = NUMBERS[name]
            return [f"const {kind} {name} = IS_NUMBER(v, {at}) ? ({kind})v->number : ({kind})({good});"], []
        if kind == "struct keyfob_error **":
            return (["keyfob_error *error_made = (keyfob_error *)POISON;", f"keyfob_error **{name} = {null}&error_made;"],
                    [f"if ({name} != NULL) {{ judge_error(status, error_made); }}"])
        if kind.endswith("**"):
            check = f'{on_failure}{{ if ({name} != NULL && {name}_made != NULL) {{ fault("%s holds something", "{name}"); }} }}'
            if (function.name, name) in KEPT_OUTPUTS:
                check = f"(void){name}_made;"
            inner = kind[:-1]
            return [f"{inner}{name}_made = ({inner})POISON;", f"{kind}{name} = {null}&{name}_made;"], [check]
        if kind == "const char *":
            good = TEXTS_OF.get((function.name, name)) or TEXTS[name]
            return [f"const char *{name} = {null}{good};"], []
        if kind == "char *":
            size = next(n for n in names if n.endswith("capacity"))
            return ([f"char buffer[256];", "memset(buffer, GARBAGE, sizeof buffer);", f"char *{name} = {null}buffer;"],
                    [f'{on_failure}{{ if ({name} != NULL && {size} > 0) {{ judge_bytes("{name}", buffer, 0, 1, 0); }} '
                     f'judge_bytes("{name}", buffer, {size} < sizeof buffer ? {size} : sizeof buffer, sizeof buffer, GARBAGE); }}'])
        if of in ("size_t", "uint64_t", "int"):
            return ([f"{of} {name}_made = ({of})GARBAGE;", f"{of} *{name} = {null}&{name}_made;"],
                    [f'{on_failure}{{ if ({name} != NULL && {name}_made != 0) {{ fault("%s is not 0", "{name}"); }} }}'])
        if of == "uint8_t":
            lines = [f"uint8_t {name}_made[32];", f"memset({name}_made, GARBAGE, sizeof {name}_made);"]
            if kind.startswith("const"):
                fill = f"keyfob_info_head(w_info(w), {name}_made);" if name == "hash" else f"keyfob_key_id_bytes(w_key(w), {name}_made);"
                return [*lines, fill, f"{kind}{name} = {null}{name}_made;"], []
            if function.returns == "void":
                bytes_of = re.search(rf"\\param\[out\] {name}\s+(\d+) bytes", function.doc)
                return ([*lines, f"{kind}{name} = {null}{name}_made;"],
                        [f'if (IS_NULL(v, 0)) {{ judge_bytes("{name}", {name}_made, 0, {bytes_of[1]}, 0); }}'])
            return ([*lines, f"{kind}{name} = {null}{name}_made;"],
                    [f'{on_failure}{{ if ({name} != NULL) {{ judge_bytes("{name}", {name}_made, 0, 16, 0); }} }}'])
        if of == "keyfob_new_key" and kind.endswith("*const *"):
            return ["const keyfob_new_key *each = w_new_key(w);", f"const keyfob_new_key *const *{name} = {null}&each;"], []
        if of == "keyfob_text":
            return [f"const keyfob_text *{name} = {null}w_lines(w);"], []
        if of in self.declared.structs:
            if kind.startswith("const"):
                made = "w_" + of.removeprefix("keyfob_") + "(w)"
                more = []
                if function.name == "keyfob_remove_pepper":
                    more = [f"{name}_whole->pepper = w_pepper(w);"]
                return [f"{of} *{name}_whole = {made};", *more,
                        f"const {of} *{name} = (const {of} *)shaped(v, {at}, {name}_whole, sizeof *{name}_whole, {of}_fields, LENGTH({of}_fields), 0);"], []
            kept = int(of in KEPT_ON_FAILURE)
            return ([f"{of} {name}_whole;", f"memset(&{name}_whole, GARBAGE, sizeof {name}_whole);", f"{name}_whole.size = sizeof {name}_whole;",
                     f"{of} *{name} = ({of} *)shaped(v, {at}, &{name}_whole, sizeof {name}_whole, {of}_fields, LENGTH({of}_fields), 1);"],
                    [f'judge_output(v, {at}, "{name}", {name}, sizeof {name}_whole, status, {kept});'])
        getter = of.removeprefix("keyfob_")
        return [f"{kind}{name} = {null}w_{getter}(w);"], []

    # What is varied.

    def one(self, number: int, what: str, variation: str, expected: str) -> None:
        self.ones.append(f'    {{ {number}, "{what}", {{ {variation} }}, {expected} }},')

    def vary(self, number: int, function: header.Function) -> None:
        words = {m[1]: " ".join(m[2].split()) for m in re.finditer(r"\\param(?:\[out\])? (\w+) ((?:.(?!\\param|\\return|\\since))*)", function.doc, re.DOTALL)}
        accessor = "err" not in [p.name for p in function.params] and not function.name.startswith("keyfob_store_verify")
        never_null = "Never NULL" in function.doc
        works = "ANY" if accessor else "KEYFOB_OK"
        self.one(number, f"{function.name} with good arguments", "-1, VALID, 0, 0, 0, NULL, 0", works)
        for at, p in enumerate(function.params):
            doc = words.get(p.name, "")
            if p.is_pointer or p.type in CALLBACKS:
                allowed = p.name == "user" or re.search(r"may be NULL|NULL for|NULL is allowed|or NULL\b", doc) is not None
                if accessor:
                    yes_or_no = function.returns == "int"
                    object_at = at == 0 and p.type.startswith("const struct")
                    if object_at and not never_null and (function.returns.endswith("*") or yes_or_no):
                        expected = "ABSENT"
                    elif object_at and function.returns == "keyfob_status" and "KEYFOB_OK of NULL" not in " ".join(function.doc.split()):
                        expected = "REFUSED"
                    else:
                        expected = "ANY"
                elif allowed:
                    expected = "ALLOWED"
                elif p.name == "options":  # the defaults, which have no prefix
                    expected = "KEYFOB_INVALID_ARGUMENT" if function.name == "keyfob_store_create" else "ALLOWED"
                else:
                    expected = "KEYFOB_NULL_ARGUMENT"
                self.one(number, f"{function.name} with NULL as {p.name}", f"{at}, NULLED, 0, 0, 0, NULL, 0", expected)
            else:
                for value, expected in self.numbers(function, p, accessor):
                    self.one(number, f"{function.name} with {value} as {p.name}", f"{at}, NUMBER, (uint64_t)({value}), 0, 0, NULL, 0", expected)
            of = base(p.type)
            if of in self.declared.sized and not p.type.endswith("*const *"):
                is_output = not p.type.startswith("const")
                self.sizes.append(f'    {{ {number}, {at}, "{function.name} with {p.name} at every size", sizeof({of}), {int(is_output)} }},')
                if not is_output:
                    for member in self.declared.structs[of][1:]:
                        self.field(number, function, at, p, of, member)

    def numbers(self, function: header.Function, p: header.Place, accessor: bool) -> list[tuple[str, str]]:
        if p.type == "size_t":
            if p.name == "index":
                absent = "ANY" if "Never NULL" in function.doc else "ABSENT" if function.returns.endswith("*") else "REFUSED" if function.returns == "keyfob_status" else "ANY"
                return [(value, absent) for value in ["1000000", *FAR]]
            if p.name == "most":
                return [(value, "ANY") for value in ["0", *FAR]]
            if p.name.endswith("capacity"):
                return [("0", "KEYFOB_BUFFER_TOO_SMALL"), ("1", "KEYFOB_BUFFER_TOO_SMALL"), ("SIZE_MAX", "KEYFOB_OK")]
            if p.name.endswith("count"):
                return [(value, "KEYFOB_INVALID_ARGUMENT") for value in IMPOSSIBLE]
            expected = "ANY" if accessor else "REFUSED" if function.name.startswith("keyfob_store_verify") else "KEYFOB_INVALID_ARGUMENT"
            return [(value, expected) for value in IMPOSSIBLE[:2]]
        unknown = "ANY" if accessor or p.type in ("int64_t", "uint64_t") else "KEYFOB_UNKNOWN_OPTION"
        return [(value, unknown) for value in ["77", *FAR[:2]]] + [(value, "ANY") for value in (FAR[2:] if "64" in p.type else [])]

    def field(self, number: int, function: header.Function, at: int, p: header.Place, of: str, member: header.Place) -> None:
        def add(value: str, kind: str, expected: str, shown: str) -> None:
            self.bytes += 1
            self.calls.append(f"static {kind} BYTES_{self.bytes} = {value};\n")
            self.one(number, f"{function.name} with {shown} in {of}.{member.name}",
                     f"{at}, FIELD, 0, offsetof({of}, {member.name}), sizeof BYTES_{self.bytes}, &BYTES_{self.bytes}, 0", expected)

        if member.type == "uint32_t" and member.count == 0:
            if re.search(r"\b[Bb]its of \\ref", member.doc):
                add("UINT32_C(0x80000000)", "uint32_t", "KEYFOB_UNKNOWN_OPTION", "a bit that means nothing")
            elif re.search(r"\b[Oo]ne of \\ref", member.doc):
                add("UINT32_C(0x7fffffff)", "uint32_t", "KEYFOB_UNKNOWN_OPTION", "a number that means nothing")
            elif member.name == "reserved":
                add("1", "uint32_t", "KEYFOB_UNKNOWN_OPTION", "1")
            elif member.name == "ip_size":
                for value in ("3", "17", "UINT32_MAX"):
                    add(value, "uint32_t", "REFUSED", value)
            else:
                for value in ("1", "77", "UINT32_MAX"):
                    add(value, "uint32_t", "ANY", value)
        elif member.type in ("int64_t", "uint64_t"):
            for value in ("INT64_MIN", "-1", "INT64_MAX") if member.type == "int64_t" else ("1", "UINT64_MAX"):
                add(value, member.type, "ANY", value)
        elif member.type == "size_t":
            for value in IMPOSSIBLE:
                add(value, "size_t", "REFUSED", value)
        elif member.type == "struct keyfob_text":
            add("{ NULL, 5 }", "keyfob_text", "KEYFOB_NULL_ARGUMENT", "NULL and a size")
            add('{ "x", SIZE_MAX - 1 }', "keyfob_text", "KEYFOB_INVALID_ARGUMENT", "an impossible size")
            add('{ "\\377", 1 }', "keyfob_text", "KEYFOB_NOT_UTF8", "no UTF-8")
        elif member.is_pointer:
            fields = [f.name for f in self.declared.structs[of]]
            counted = f"{member.name}_count" in fields and member.name != "retired_peppers"
            add("NULL", "void *", "KEYFOB_NULL_ARGUMENT" if counted else "ANY", "NULL")

    def write(self) -> str:
        spans = []
        for name in self.declared.sized:
            rows = ", ".join(f"{{ offsetof({name}, {f.name}), sizeof((({name} *)0)->{f.name}) }}" for f in self.declared.structs[name])
            spans.append(f"static const struct span {name}_fields[] = {{ {rows} }};\n")
        table = []
        for number, function in enumerate(self.declared.functions):
            self.call(number, function)
            self.vary(number, function)
            table.append(f'    {{ "{function.name}", call_{number} }},')
        lines = ["/* Written by tests/c/sweep.py. */", '#include "sweep.h"', "", "#include <string.h>", "", *spans, "", *self.calls]
        for kind, name, rows in (("call", "CALLS", table), ("one", "ONES", self.ones), ("sizes", "SIZES", self.sizes)):
            lines += [f"const struct {kind} {name}[] = {{", *rows, "};", ""]
        lines += ["const size_t ONE_COUNT = LENGTH(ONES);", "const size_t SIZES_COUNT = LENGTH(SIZES);", ""]
        return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(Writer(header.read()).write())
