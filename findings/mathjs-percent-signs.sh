#!/usr/bin/env bash
# mathjs, the calculator that many assistants are given as a tool, says that 8% + 2% is 0 and 10% + 5 is 0.
#
# Its documentation has "%" for percentages as well as for the remainder of a division, and 5 + 10% is 5.5, as on a
# desk calculator. Guessed before: a sum of percentages is read so, too. Seen: a "%" before "+" or "-" is always the
# remainder, since what follows may be a number with a sign: 8% + 2% is 8 modulo 0.02. So 100 + 5% + 5% is 100, 50 +
# 20% + 3 is 52 and 100 * 19% + 3 is 1, numbers that look like results; nothing is refused. Before "*" and ")" and at
# the end a "%" is a percentage. A spreadsheet's engine reads all of them as percentages. A model that writes its sums
# for the tool in the common way gets wrong ones; brackets around each percentage mend it.
#
# Seen with mathjs 15.2.0, hyperformula 3.5.0 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund mathjs@15.2.0 hyperformula@3.5.0 >/dev/null
cat >sums.mjs <<'JS'
import { HyperFormula } from "hyperformula";
import { evaluate } from "mathjs";

const sums = ["5 + 10%", "8% + 2%", "10% + 5", "19% + 7%", "30% - 10%", "100 + 5% + 5%", "100 - 10% - 10%",
  "50 + 20% + 3", "100 * 19% + 3", "10% * 200", "(8%) + (2%)"];
const short = (number) => Number(number.toFixed(6));
for (const sum of sums) {
  const sheet = HyperFormula.buildFromArray([[`=${sum}`]], { licenseKey: "gpl-v3" });
  const cell = sheet.getCellValue({ sheet: 0, row: 0, col: 0 });
  console.log(`${sum}: mathjs ${short(evaluate(sum))}, spreadsheet ${short(cell)}`);
}
JS
node sums.mjs | tee seen
cat >expected <<'END'
5 + 10%: mathjs 5.5, spreadsheet 5.1
8% + 2%: mathjs 0, spreadsheet 0.1
10% + 5: mathjs 0, spreadsheet 5.1
19% + 7%: mathjs 0.03, spreadsheet 0.26
30% - 10%: mathjs 0, spreadsheet 0.2
100 + 5% + 5%: mathjs 100, spreadsheet 100.1
100 - 10% - 10%: mathjs 100, spreadsheet 99.8
50 + 20% + 3: mathjs 52, spreadsheet 53.2
100 * 19% + 3: mathjs 1, spreadsheet 22
10% * 200: mathjs 20, spreadsheet 20
(8%) + (2%): mathjs 0.1, spreadsheet 0.1
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
