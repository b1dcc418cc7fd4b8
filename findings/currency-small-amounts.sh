#!/usr/bin/env bash
# The price of one token, 1.5e-7 dollars, and a balance of 0.3 - 0.1 - 0.2 are "$NaN" and "N$aN" for numeral.js, and
# "1e3" is 13 for it and for currency.js.
#
# A page sums what the calls of a model cost and shows what is left. Guessed before: small amounts are rounded to 0.00,
# and a text that is no plain number is read as JavaScript reads it, or refused. Seen: numeral writes NaN for every
# number nearer to zero than a millionth, whatever the format, also for the rest that a difference of floats leaves.
# Both drop what they do not know from a text and read on: "1e3" is 13, "1,5" is 15, "10-20" is -1020 and "-5 (paid)" is
# 5 for numeral. currency.js rounds a price to cents before it multiplies: 2,000 tokens for 0.0015 dollars each are 0.00
# where the price stands first, and 3.00 where the number of tokens does.
#
# Seen with numeral 2.0.6, currency.js 2.0.4 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund numeral@2.0.6 currency.js@2.0.4 >/dev/null
cat >show.cjs <<'JS'
const currency = require("currency.js");
const numeral = require("numeral");

for (const amount of [0.0000015, 9.9e-7, 1.5e-7, 0.3 - 0.1 - 0.2, 0.1 * 3 - 0.3]) {
  const shown = ["$0.00", "0.00000000", "0.[0000000000]"].map((format) => numeral(amount).format(format));
  console.log(`${amount}: numeral ${shown.join(", ")}; currency.js ${currency(amount, { precision: 10 }).format()}`);
}
for (const text of ["1e3", "2.5e2", "1,5", "10-20", "-5 (paid)"]) {
  console.log(`"${text}": numeral ${numeral(text).value()}, currency.js ${currency(text).value}`);
}
for (const [price, tokens] of [[0.0015, 2000], [0.0049, 1000], [0.0051, 1000]]) {
  const found = [currency(price).multiply(tokens), currency(tokens).multiply(price)];
  console.log(`${price} * ${tokens}: currency.js ${found.join(" or ")}`);
}
JS
node show.cjs | tee seen
cat >expected <<'END'
0.0000015: numeral $0.00, 0.00000150, 0.0000015; currency.js $0.0000015000
9.9e-7: numeral $NaN, NaN, NaN; currency.js $0.0000009900
1.5e-7: numeral $NaN, NaN, NaN; currency.js $0.0000001500
-2.7755575615628914e-17: numeral N$aN, NaN, NaN; currency.js $0.0000000000
5.551115123125783e-17: numeral $NaN, NaN, NaN; currency.js $0.0000000000
"1e3": numeral 13, currency.js 13
"2.5e2": numeral 2.52, currency.js 2.52
"1,5": numeral 15, currency.js 15
"10-20": numeral -1020, currency.js NaN
"-5 (paid)": numeral 5, currency.js NaN
0.0015 * 2000: currency.js 0.00 or 3.00
0.0049 * 1000: currency.js 0.00 or 4.90
0.0051 * 1000: currency.js 10.00 or 5.10
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
