#!/usr/bin/env bash
# A spreadsheet that MarkItDown makes Markdown of loses digits of its numbers, and the text "NA" of its cells.
#
# MarkItDown prepares files for a model or an index. Guessed before: a cell stands in the Markdown as a person sees it
# in the sheet. Seen: the sheet goes through pandas and its HTML, which shows six digits: with an empty cell in its
# column the barcode 4006381333931 becomes 4.006381e+12, the fee 0.0000015 beside larger ones 0.000002, and 7 % is
# 0.070. The texts "NA" (Namibia), "None" and "n/a" and empty cells all are NaN, and the text "007" alone with such
# ones is 7.0. No error says so, and the answer of a model quotes the wrong number. The same table as CSV keeps
# everything.
#
# Seen with markitdown 0.1.9, pandas 3.1.1, openpyxl of its extra, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'markitdown[xlsx]==0.1.9' pandas==3.1.1
cd "$folder"
venv/bin/python -W ignore - <<'PY' | tee seen
import csv

import openpyxl
from markitdown import MarkItDown

ROWS = [
    ["Country", "Barcode", "Share", "Fee", "Note"],
    ["NA", 4006381333931, 0.07, 0.0000015, "None"],
    ["DE", None, 0.125, 12.5, "n/a"],
    ["AT", 5901234123457, 1, 3.14159265, "007"],
]
book = openpyxl.Workbook()
for row in ROWS:
    book.active.append(row)
book.active["C2"].number_format = "0%"
book.save("table.xlsx")
with open("table.csv", "w", newline="") as file:
    csv.writer(file).writerows(ROWS)
for name in ("table.xlsx", "table.csv"):
    print(MarkItDown().convert(name).text_content.strip())
PY
cat >expected <<'END'
## Sheet
| Country | Barcode | Share | Fee | Note |
| --- | --- | --- | --- | --- |
| NaN | 4.006381e+12 | 0.070 | 0.000002 | NaN |
| DE | NaN | 0.125 | 12.500000 | NaN |
| AT | 5.901234e+12 | 1.000 | 3.141593 | 7.0 |
| Country | Barcode | Share | Fee | Note |
| --- | --- | --- | --- | --- |
| NA | 4006381333931 | 0.07 | 1.5e-06 | None |
| DE |  | 0.125 | 12.5 | n/a |
| AT | 5901234123457 | 1 | 3.14159265 | 007 |
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
