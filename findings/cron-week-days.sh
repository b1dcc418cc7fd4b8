#!/usr/bin/env bash
# "Every Monday at nine" as a cron expression runs on Tuesdays in APScheduler, and "7" is no day there nor in Celery.
#
# Schedules of jobs (a weekly report, a nightly index) are kept as cron expressions and read by whatever runs them.
# Guessed before: `0 9 * * 1` is Monday for all readers, 0 and 7 are Sunday, and where both a day of the month and a
# day of the week are given, either is enough, as crontab(5) says. Seen: CronTrigger.from_crontab of APScheduler counts
# from Monday, so that each number is one day late and 0 (Sunday) is Monday; the names (mon) are right. Where both days
# are given, Celery and APScheduler want both: "the first of the month and Mondays" runs in June for one, in September
# for the other, next Monday for all others. Nothing warns: the job runs, on another day.
#
# Seen with APScheduler 3.11.3, celery 5.7.0, croniter 7.0.0 (Python 3.11), croner 11.0.1, cron-parser 5.10.6 (Node
# 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet APScheduler==3.11.3 celery==5.7.0 croniter==7.0.0
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund croner@11.0.1 cron-parser@5.10.6 >/dev/null
cat >next.py <<'PY'
from datetime import datetime, timezone

from apscheduler.triggers.cron import CronTrigger
from celery.schedules import crontab
from croniter import croniter

NOW = datetime(2026, 3, 4, 12, tzinfo=timezone.utc)  # a Wednesday


def by_apscheduler(expression):
    return CronTrigger.from_crontab(expression, timezone="UTC").get_next_fire_time(None, NOW)


def by_celery(expression):
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    last, wait, _ = crontab(**dict(zip(names, expression.split())), nowfun=lambda: NOW).remaining_delta(NOW)
    return last + wait


def by_croniter(expression):
    return croniter(expression, NOW).get_next(datetime)


def told(read, expression):
    try:
        return f"{read(expression):%a %d %b}"
    except ValueError:
        return "refused"


READERS = {"APScheduler": by_apscheduler, "Celery": by_celery, "croniter": by_croniter}
for expression in ("0 9 * * 1", "0 9 * * mon", "0 9 * * 0", "0 9 * * 7", "0 9 1 * 1"):
    print(f"{expression}:", ", ".join(f"{name} {told(read, expression)}" for name, read in READERS.items()))
PY
cat >next.mjs <<'JS'
import { CronExpressionParser } from "cron-parser";
import { Cron } from "croner";

const now = new Date("2026-03-04T12:00:00Z");
const told = (date) => `${date.toUTCString().slice(0, 3)} ${date.toUTCString().slice(5, 11)}`;
for (const expression of ["0 9 * * 1", "0 9 * * 7", "0 9 1 * 1"]) {
  const croner = new Cron(expression, { timezone: "UTC" }).nextRun(now);
  const parser = CronExpressionParser.parse(expression, { currentDate: now, tz: "UTC" }).next().toDate();
  console.log(`${expression}: croner ${told(croner)}, cron-parser ${told(parser)}`);
}
JS
{ venv/bin/python -W ignore next.py; node next.mjs; } | tee seen
cat >expected <<'END'
0 9 * * 1: APScheduler Tue 10 Mar, Celery Mon 09 Mar, croniter Mon 09 Mar
0 9 * * mon: APScheduler Mon 09 Mar, Celery Mon 09 Mar, croniter Mon 09 Mar
0 9 * * 0: APScheduler Mon 09 Mar, Celery Sun 08 Mar, croniter Sun 08 Mar
0 9 * * 7: APScheduler refused, Celery refused, croniter Sun 08 Mar
0 9 1 * 1: APScheduler Tue 01 Sep, Celery Mon 01 Jun, croniter Mon 09 Mar
0 9 * * 1: croner Mon 09 Mar, cron-parser Mon 09 Mar
0 9 * * 7: croner Sun 08 Mar, cron-parser Sun 08 Mar
0 9 1 * 1: croner Mon 09 Mar, cron-parser Mon 09 Mar
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
