#!/usr/bin/env bash
# num2words takes a whole number for cents: 150 euros are spoken as "one euro, fifty cents".
#
# An assistant that speaks writes amounts as words. Guessed before: 150, 150.0 and Decimal("150") are one amount. Seen:
# with `to="currency"` an int is an amount in cents and every other type one in euros, so that an amount without cents,
# as it comes out of JSON or a database, is spoken as a hundredth of it, in all languages tried. "150" as a text is
# right. A number between 0 and -1 that is no amount loses its minus: -0.5 is "zero point five", and a frost none.
#
# Seen with num2words 0.5.14, Python 3.11. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet num2words==0.5.14
cat >speak.py <<'PY'
import json
from decimal import Decimal

from num2words import num2words

ROWS = {"an int": json.loads("150"), "a float": json.loads("150.0"), "a Decimal": Decimal(150), "a text": "150"}
for name, amount in ROWS.items():
    print(f"{name}, {amount}: {num2words(amount, to='currency', currency='EUR')}")
for language in ("de", "es", "fr", "it", "nl", "pl"):
    print(f"an int, in {language}: {num2words(150, lang=language, to='currency', currency='EUR')}")
for language in ("en", "de", "es", "fr"):
    print(f"-0.5 and -1.5, in {language}: {num2words(-0.5, lang=language)}; {num2words(-1.5, lang=language)}")
PY
venv/bin/python -W ignore speak.py | tee seen
cat >expected <<'END'
an int, 150: one euro, fifty cents
a float, 150.0: one hundred and fifty euro, zero cents
a Decimal, 150: one hundred and fifty euro, zero cents
a text, 150: one hundred and fifty euro, zero cents
an int, in de: ein Euro und fünfzig Cent
an int, in es: un euro con cincuenta céntimos
an int, in fr: un euro et cinquante centimes
an int, in it: un euro e cinquanta centesimi
an int, in nl: één euro, vijftig cent
an int, in pl: jeden euro, pięćdziesiąt centów
-0.5 and -1.5, in en: zero point five; minus one point five
-0.5 and -1.5, in de: null Komma fünf; minus eins Komma fünf
-0.5 and -1.5, in es: cero punto cinco; menos uno punto cinco
-0.5 and -1.5, in fr: zéro virgule cinq; moins un virgule cinq
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
