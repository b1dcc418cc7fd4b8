#!/usr/bin/env bash
# Noon of tomorrow is an hour off in Day.js where the clocks change tonight: what it shows is noon, what it saves is
# not.
#
# A reminder for tomorrow at noon is made in the zone of its user, on a server that runs in UTC. Guessed before:
# `dayjs.tz(..., "Europe/Berlin").add(1, "day")` is noon of the next day, shown and saved, as with Luxon. Seen: `format`
# says noon, with the offset of the day before, so that the instant that is saved is an hour too late in March and an
# hour too early in October; so for every date behind the change (`add(1, "month")`, `subtract`). 24 hours more are the
# right instant, shown as noon where it is one o'clock. On a server whose own zone is the user's the instants are right,
# which is where it is tried first.
#
# Seen with dayjs 1.11.23, luxon 3.7.2 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund dayjs@1.11.23 luxon@3.7.2 >/dev/null
cat >remind.mjs <<'JS'
import dayjs from "dayjs";
import timezone from "dayjs/plugin/timezone.js";
import utc from "dayjs/plugin/utc.js";
import { DateTime } from "luxon";

dayjs.extend(utc);
dayjs.extend(timezone);
const zone = "Europe/Berlin";
const moves = [
  ["2024-03-30T12:00:00", 1, "day"],
  ["2024-03-30T12:00:00", 24, "hour"],
  ["2024-03-30T12:00:00", 1, "month"],
  ["2024-10-26T12:00:00", 1, "day"],
  ["2024-04-01T12:00:00", -2, "day"],
  ["2024-05-01T12:00:00", 1, "day"],
];
for (const [from, count, unit] of moves) {
  const moved = dayjs.tz(from, zone).add(count, unit);
  const right = DateTime.fromISO(from, { zone }).plus({ [unit]: count });
  const off = (moved.valueOf() - right.valueOf()) / 3600000;
  console.log(`${from} and ${count} ${unit}:`);
  console.log(`    Day.js shows ${moved.format()}, saves ${moved.toISOString()}, off by ${off} hours`);
  console.log(`    Luxon shows ${right.toISO({ suppressMilliseconds: true })}, saves ${right.toUTC().toISO()}`);
}
JS
TZ=UTC node remind.mjs | tee seen
cat >expected <<'END'
2024-03-30T12:00:00 and 1 day:
    Day.js shows 2024-03-31T12:00:00+01:00, saves 2024-03-31T11:00:00.000Z, off by 1 hours
    Luxon shows 2024-03-31T12:00:00+02:00, saves 2024-03-31T10:00:00.000Z
2024-03-30T12:00:00 and 24 hour:
    Day.js shows 2024-03-31T12:00:00+01:00, saves 2024-03-31T11:00:00.000Z, off by 0 hours
    Luxon shows 2024-03-31T13:00:00+02:00, saves 2024-03-31T11:00:00.000Z
2024-03-30T12:00:00 and 1 month:
    Day.js shows 2024-04-30T12:00:00+01:00, saves 2024-04-30T11:00:00.000Z, off by 1 hours
    Luxon shows 2024-04-30T12:00:00+02:00, saves 2024-04-30T10:00:00.000Z
2024-10-26T12:00:00 and 1 day:
    Day.js shows 2024-10-27T12:00:00+02:00, saves 2024-10-27T10:00:00.000Z, off by -1 hours
    Luxon shows 2024-10-27T12:00:00+01:00, saves 2024-10-27T11:00:00.000Z
2024-04-01T12:00:00 and -2 day:
    Day.js shows 2024-03-30T12:00:00+02:00, saves 2024-03-30T10:00:00.000Z, off by -1 hours
    Luxon shows 2024-03-30T12:00:00+01:00, saves 2024-03-30T11:00:00.000Z
2024-05-01T12:00:00 and 1 day:
    Day.js shows 2024-05-02T12:00:00+02:00, saves 2024-05-02T10:00:00.000Z, off by 0 hours
    Luxon shows 2024-05-02T12:00:00+02:00, saves 2024-05-02T10:00:00.000Z
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
