"""How well a text was read: 1 − Levenshtein distance / length of what was expected, both with whitespace folded; never below 0.

    accuracy.py EXPECTED FOUND        two files of UTF-8; prints a figure of four digits
"""

import pathlib
import sys
import unicodedata


def folded(text):
    """One blank for each run of whitespace, composed letters, and no marks of direction, which nobody sees."""
    seen = "".join(letter for letter in unicodedata.normalize("NFC", text) if unicodedata.category(letter) != "Cf")
    return " ".join(seen.split())


def distance(first, second):
    """Levenshtein's, a whole column at a time in the bits of one integer (Myers 1999, as Hyyrö 2003 has it)."""
    if not first or not second:
        return max(len(first), len(second))
    places = {}
    for index, letter in enumerate(first):
        places[letter] = places.get(letter, 0) | 1 << index
    every, last = (1 << len(first)) - 1, 1 << len(first) - 1
    more, less, result = every, 0, len(first)
    for letter in second:
        match = places.get(letter, 0)
        level = (((match & more) + more) ^ more) | match | less
        up = less | ~(level | more) & every
        down = more & level
        if up & last:
            result += 1
        elif down & last:
            result -= 1
        up = (up << 1 | 1) & every
        down = down << 1 & every
        more = (down | ~(level | up)) & every
        less = up & level
    return result


def accuracy(expected, found):
    expected, found = folded(expected), folded(found)
    if not expected:
        return 0.0 if found else 1.0
    return max(0.0, 1 - distance(expected, found) / len(expected))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(64)
    print(f"{accuracy(*(pathlib.Path(name).read_text('utf-8', 'replace') for name in sys.argv[1:])):.4f}")
