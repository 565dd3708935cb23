"""Names that stores like to trip over: each is one that a provider must keep as it is, apart from all the others."""

from __future__ import annotations

_PLAIN = """
a b ab a/b a//b a/b/c a/ a/./b a/../b .hidden a.b dot. a.* a.> $KV * a* ? a? [ab] > | < ~ - -- _ a_b = YQ==
+ a+b & &x=1 # a#b : a:b a::b ; , @ a@b ! ^ { {a} } ( ) \\ a\\b con NUL aux.txt $HOME % %2F %2f a%2Fb %25 %2525
%00 " ' ` 0 00 true None null . .. ... / // ../.. ./a
""".split()

_TEXT = [
    *("", " ", "  ", " leading", "trailing ", "two  spaces", "a b", "\t", "\n", "a\nb", "\r\n", "\0", "a\0b"),
    *("\x1b[31m", "\x7f", "\u200b", "\ufeff", "\u202eabc", "\u00a0", "\uffff", "\U00010000", "\U0010ffff"),
    *("case", "Case", "CASE", "i", "I", "\u0131", "\u0130"),  # the last two are the Turkish ones
    *("caf\u00e9", "cafe\u0301", "CAF\u00c9", "\ufb01", "fi", "\u212a", "K", "k", "\u00df", "ss"),
    *("ünïcode", "日本語", "مرحبا", "🦀", "🦀🦀", "👩‍👩‍👧", "My Files"),
]  # fmt: skip


def names(token: str) -> list[str]:
    """Names for keys and objects, all different.

    Those that a careless provider would take for a path out of its folder end in the token: at worst it makes
    a file that was not there, and never writes over one that was.

    Args:
        token: text that occurs nowhere else, of eight ASCII letters and digits.
    """
    out = [f"/{token}", f"C:\\{token}", f"../up-{token}", f"/etc/passwd-{token}", f"a/../../{token}"]
    return [*_PLAIN, *_TEXT, token, *out, *long(token)]


def long(token: str) -> list[str]:
    """Names of 1,024 bytes that differ in their last character, in ASCII and in emoji."""
    letters, crabs = token + "x" * 1015, token + "🦀" * 253
    return [letters + "y", letters + "z", crabs + "🦀", crabs + "🐹"]


def fewer(wanted: list[str]) -> list[str]:
    """Two in five of the names that are ASCII, and all the others: for a store that takes its time."""
    return [name for number, name in enumerate(wanted) if not name.isascii() or number % 5 < 2 or len(name) > 1000]


#: Whole names that matter as they are. Somebody may have a container of such a name already.
EXACT = ["", " ", ".", "..", "/", "*", "\0", "🦀"]


def containers(token: str) -> list[str]:
    """Names for containers: awkward, and with the token in each, since a container may be somebody's."""
    at_end = (" ", ".", "/", "\\", "\n", "\r", "\t", "\0", "*", ">", "?")
    ends = [token + name if name.endswith(at_end) else name + token for name in [*_PLAIN, *_TEXT]]
    return [*ends, f"/{token}", f"../up-{token}", f"/etc/{token}", *long(token)]
