#!/usr/bin/env bash
# price-parser reads "$0.125 per 1M tokens" as 125 dollars: three digits behind a point are thousands.
#
# It finds the price in the text of a page, and prices of tokens, fuel, power and shares have three decimals. Guessed
# before: a number that begins with "0." or with a point is a fraction. Seen: exactly three digits behind the last
# separator always are thousands: $0.125 is 125, $.125 is 125, "0.075 USD" 75; one digit more, and $0.0125 is 0.0125. A
# table of prices per million tokens has some a thousand times too dear between right ones, without an error. With
# decimal_separator="." all are right, then "1.500 €" of a German page is 1.5. The sign of "-$5" is lost, and "$20 1"
# (a price with a footnote mark) is 201.
#
# Seen with price-parser 0.5.1, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet price-parser==0.5.1
cd "$folder"
venv/bin/python -W ignore - <<'PY' | tee seen
from price_parser import Price

for text in ("$0.15 per 1M tokens", "$0.125 per 1M tokens", "$0.0125 per 1M tokens", "$.125", "0.075 USD", "$3.125",
             "1.500 €", "-$5", "$20 1"):
    told, with_point = Price.fromstring(text), Price.fromstring(text, decimal_separator=".")
    print(f"{text}: {told.amount}, with a decimal point {with_point.amount}")
PY
cat >expected <<'END'
$0.15 per 1M tokens: 0.15, with a decimal point 0.15
$0.125 per 1M tokens: 125, with a decimal point 0.125
$0.0125 per 1M tokens: 0.0125, with a decimal point 0.0125
$.125: 125, with a decimal point 0.125
0.075 USD: 75, with a decimal point 0.075
$3.125: 3125, with a decimal point 3.125
1.500 €: 1500, with a decimal point 1.500
-$5: 5, with a decimal point 5
$20 1: 201, with a decimal point 201
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
