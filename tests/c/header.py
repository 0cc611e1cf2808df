"""What include/keyfob.h declares, as data: the checks of the C API are made of it, so that what is
added to the header is checked without being named a second time."""

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HEADER = ROOT / "include/keyfob.h"


@dataclass(frozen=True)
class Place:
    """A parameter of a function, or a field of a struct."""

    type: str
    name: str
    count: int = 0  # of an array
    doc: str = ""

    @property
    def is_pointer(self) -> bool:
        return self.type.endswith("*")

    def declaration(self) -> str:
        return f"{self.type}{'' if self.is_pointer else ' '}{self.name}{f'[{self.count}]' if self.count else ''}"


@dataclass(frozen=True)
class Function:
    name: str
    returns: str
    params: list[Place]
    doc: str = ""

    @property
    def since(self) -> str:
        found = re.search(r"\\since (\S+)", self.doc)
        return found[1] if found else ""

    def prototype(self) -> str:
        params = ", ".join(place.declaration() for place in self.params) or "void"
        return f"{self.returns}{'' if self.returns.endswith('*') else ' '}{self.name}({params})"


@dataclass
class Header:
    functions: list[Function] = field(default_factory=list)
    structs: dict[str, list[Place]] = field(default_factory=dict)
    opaque: list[str] = field(default_factory=list)
    enums: dict[str, dict[str, int]] = field(default_factory=dict)
    callbacks: list[str] = field(default_factory=list)

    @property
    def sized(self) -> list[str]:
        return [name for name, fields in self.structs.items() if fields[0].name == "size" and fields[0].type == "uint32_t"]


def place(text: str, doc: str = "") -> Place:
    found = re.fullmatch(r"(.*[\s*])(\w+)(?:\[(\d+)\])?", " ".join(text.split()))
    if not found:
        raise ValueError(f"not a declaration: {text}")
    return Place(found[1].strip(), found[2], int(found[3] or 0), doc)


DECLARATION = re.compile(
    r"(?:/\*\*(?P<doc>(?:(?!\*/).)*)\*/\s*)?"
    r"(?:typedef enum \w+ \{(?P<enum>.*?)\} (?P<enum_name>keyfob_\w+);"
    r"|typedef struct \w+ \{(?P<struct>.*?)\} (?P<struct_name>keyfob_\w+);"
    r"|typedef struct \w+ (?P<opaque>keyfob_\w+);"
    r"|typedef \w+ \(\*(?P<callback>keyfob_\w+)\)\([^;]*\);"
    r"|(?:KEYFOB_NODISCARD\s+)?(?P<returns>(?:const )?(?:struct )?\w+ \*{0,2})(?P<name>keyfob_\w+)\((?P<params>[^;{]*?)\)\s*KEYFOB_NOEXCEPT;)",
    re.DOTALL)
MEMBER = re.compile(r"(?:/\*\*(?P<doc>(?:(?!\*/).)*)\*/\s*)?(?P<text>[^;/]+);", re.DOTALL)


def plain(doc: str | None) -> str:
    return re.sub(r"\s*\n\s*\* ?", "\n", doc or "").strip()


def parse(text: str) -> Header:
    header = Header()
    for found in DECLARATION.finditer(text):
        doc = plain(found["doc"])
        if found["enum_name"]:
            values = re.findall(r"(KEYFOB_\w+) = (\d+)", found["enum"])
            header.enums[found["enum_name"]] = {name: int(value) for name, value in values}
        elif found["struct_name"]:
            members = MEMBER.finditer(found["struct"])
            header.structs[found["struct_name"]] = [place(m["text"], plain(m["doc"])) for m in members]
        elif found["opaque"]:
            header.opaque.append(found["opaque"])
        elif found["callback"]:
            header.callbacks.append(found["callback"])
        else:
            params = [] if found["params"].strip() == "void" else [place(p) for p in found["params"].split(",")]
            header.functions.append(Function(found["name"], found["returns"].strip(), params, doc))
    declared = set(re.findall(r"^(?!\s*\*|#).*?\b(keyfob_\w+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL), re.MULTILINE))
    missed = declared - {function.name for function in header.functions}
    if missed:
        raise ValueError(f"declarations that tests/c/header.py does not understand: {', '.join(sorted(missed))}")
    return header


def read(path: Path = HEADER) -> Header:
    return parse(path.read_text(encoding="utf-8"))
