#!/usr/bin/env bash
# rrule reads "every day at 5pm" as five in the morning and "at 9:30" as nine, and tells "the last working day of each
# month" as "every month on weekdays", all of it "fully convertible".
#
# An assistant sets a reminder from a sentence and reads it back to be confirmed; rrule has `fromText` and `toText` for
# it. Guessed before: what they do not know is an error, or `isFullyConvertibleToText` is false. Seen: `fromText` reads
# the hour and stops, so that minutes, "pm" and "and 5pm" are dropped, and "every january 1st" is each year's day of
# today in January; `toText` leaves out minutes, positions (BYSETPOS), Easter and the hours of hourly rules, and says
# that all is told. Read back, the rule of the text is another one: 21 days a month for one.
#
# Seen with rrule 2.8.1 (Node 20). Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund rrule@2.8.1 >/dev/null
cat >read.cjs <<'JS'
const { RRule } = require("rrule");

const texts = ["every day at 17", "every day at 5pm", "every day at 9:30", "every monday at 14:15"];
texts.push("every day at 9am and 5pm", "every march on the 15th", "every january 1st");
for (const text of texts) {
  const rule = new RRule({ ...RRule.parseText(text), dtstart: new Date("2024-01-10T00:00:00Z") });
  const next = rule.all((_, count) => count < 1)[0].toISOString().slice(0, 16);
  console.log(`${text}: ${RRule.fromText(text)}, from the 10th of January on first at ${next}`);
}
const rules = ["FREQ=MONTHLY;BYDAY=-1FR", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"];
rules.push("FREQ=DAILY;BYHOUR=9;BYMINUTE=30", "FREQ=HOURLY;INTERVAL=2;BYHOUR=10,12", "FREQ=YEARLY;BYEASTER=1");
for (const each of rules) {
  const rule = RRule.fromString(each);
  const known = rule.isFullyConvertibleToText() ? "fully convertible" : "not fully convertible";
  console.log(`${each}: ${rule.toText()}, ${known}, read back ${RRule.fromText(rule.toText())}`);
}
JS
TZ=UTC node read.cjs | tee seen
cat >expected <<'END'
every day at 17: RRULE:FREQ=DAILY;BYHOUR=17, from the 10th of January on first at 2024-01-10T17:00
every day at 5pm: RRULE:FREQ=DAILY;BYHOUR=5, from the 10th of January on first at 2024-01-10T05:00
every day at 9:30: RRULE:FREQ=DAILY;BYHOUR=9, from the 10th of January on first at 2024-01-10T09:00
every monday at 14:15: RRULE:FREQ=WEEKLY;BYDAY=MO;BYHOUR=14, from the 10th of January on first at 2024-01-15T14:00
every day at 9am and 5pm: RRULE:FREQ=DAILY;BYHOUR=9, from the 10th of January on first at 2024-01-10T09:00
every march on the 15th: RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=15, from the 10th of January on first at 2024-03-15T00:00
every january 1st: RRULE:FREQ=YEARLY;BYMONTH=1, from the 10th of January on first at 2024-01-10T00:00
FREQ=MONTHLY;BYDAY=-1FR: every month on the last Friday, fully convertible, read back RRULE:FREQ=MONTHLY;BYDAY=-1FR
FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1: every month on weekdays, fully convertible, read back RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR
FREQ=DAILY;BYHOUR=9;BYMINUTE=30: every day at 9, fully convertible, read back RRULE:FREQ=DAILY;BYHOUR=9
FREQ=HOURLY;INTERVAL=2;BYHOUR=10,12: every 2 hours, fully convertible, read back RRULE:INTERVAL=2;FREQ=HOURLY
FREQ=YEARLY;BYEASTER=1: every year, fully convertible, read back RRULE:FREQ=YEARLY
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
