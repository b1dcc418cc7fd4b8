#!/usr/bin/env bash
# word2number reads another number out of spoken ones, without an error: "one million two hundred thousand" is
# 1,201,200.
#
# What a person says arrives in words, and a tool wants a number. Guessed before: a number, or an error where the words
# are none that it knows ("twenty twenty four"), as there is one for other words. Seen: round thousands behind a million
# are counted again, as 1,200 or 1,400 more; a number with a point ends at the first word that is no digit, so that "two
# point five million" is 2; "half a million" is a million, "twenty five hundred" 200, "minus five" 5, "one fifty" 51.
# text2num joins less, and leaves what it does not join as it was said.
#
# Seen with word2number 1.1, text2num 3.1.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet word2number==1.1 text2num==3.1.0
cat >read.py <<'PY'
from text_to_num import alpha2digit
from word2number import w2n

SPOKEN = """two hundred thousand
one million two hundred thousand
three million four hundred thousand
three point one four
two point five million
half a million
twenty five hundred
minus five
one fifty
twenty twenty four
two thousand twenty four""".splitlines()
for words in SPOKEN:
    print(f"{words}: word2number {w2n.word_to_num(words)}, text2num {alpha2digit(words, 'en')}")
PY
venv/bin/python -W ignore read.py | tee seen
cat >expected <<'END'
two hundred thousand: word2number 200000, text2num 200000
one million two hundred thousand: word2number 1201200, text2num 1200000
three million four hundred thousand: word2number 3401400, text2num 3400000
three point one four: word2number 3.14, text2num 3.14
two point five million: word2number 2, text2num 2.5 1000000
half a million: word2number 1000000, text2num half a 1000000
twenty five hundred: word2number 200, text2num 2500
minus five: word2number 5, text2num minus 5
one fifty: word2number 51, text2num 1 50
twenty twenty four: word2number 404, text2num 20 24
two thousand twenty four: word2number 2024, text2num 2024
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
