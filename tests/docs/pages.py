"""The pages of the documentation as their parts: blocks of code with what stands before them, headings, pictures."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
ALL = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
_COMMENT = re.compile(r"<!-- (configuration|not run: \S.*?) -->")
_SEPARATORS = ("&&", "||", ";", "|", "&")


@dataclass(frozen=True)
class Block:
    """A block of code in a page; ``says`` is the comment right before it, or ""."""

    language: str
    text: str
    line: int
    says: str


def blocks(text: str) -> Iterator[Block]:
    r"""All blocks of code of a page, those in lists too.

    >>> [(block.language, block.text, block.says) for block in blocks("<!-- not run: why -->\n```python\nx\n```\n")]
    [('python', 'x\n', 'not run: why')]
    """
    says = ""
    for token in MarkdownIt("commonmark").parse(colon_fences_as_backticks(without_front_matter(text))):
        if token.type == "html_block":
            found = _COMMENT.search(token.content)
            says = found[1] if found else ""
        elif token.type in ("fence", "code_block"):
            language = token.info.split()[0] if token.info.strip() else ""
            yield Block(language, token.content, (token.map or [0])[0] + 1, says)
            says = ""
        elif token.type == "inline":
            says = ""


def without_front_matter(text: str) -> str:
    r"""The text with blank lines in place of the settings on top.

    >>> without_front_matter("---\na: 1\n---\nText\n")
    '\n\n\nText\n'
    """
    found = re.match(r"---\n.*?\n---\n", text, re.DOTALL)
    return "\n" * found[0].count("\n") + text[found.end() :] if found else text


def colon_fences_as_backticks(text: str) -> str:
    """MyST's other fence, as Markdown knows it."""
    return re.sub(r"^:::", "```", text, flags=re.MULTILINE)


def as_doctest(text: str) -> str:
    """A page without the lines that fence its examples: a doctest's expected output would take them in."""
    return re.sub(r"^\s*```.*$", "", text, flags=re.MULTILINE)


def run_examples(path: Path) -> doctest.TestResults:
    """Run the examples of a page, as one session."""
    test = doctest.DocTestParser().get_doctest(as_doctest(path.read_text("utf-8")), {}, path.name, str(path), 0)
    return doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test)


def commands(text: str) -> Iterator[list[str]]:
    r"""The words of each command in a shell's lines, without comments and redirections.

    >>> list(commands("cd x && torchmagic grade ps1   # all\nname$ dask worker \\\n  tcp://a > log &"))
    [['cd', 'x'], ['torchmagic', 'grade', 'ps1'], ['dask', 'worker', 'tcp://a']]
    """
    for line in text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(re.sub(r"^[\w-]*\$ ", "", line), posix=True, punctuation_chars=";&|>")
        lexer.whitespace_split = True
        for word in [*lexer, ";"]:
            if word in _SEPARATORS:
                if words:
                    yield words[: words.index(">")] if ">" in words else words
                words = []
            else:
                words.append(">" if word.startswith(">") else word)
