#!/usr/bin/env bash
# One OpenTelemetry metric has two names in Prometheus: that of the exporter for Python and that of the one for
# JavaScript.
#
# A service in Python and one in JavaScript measure the same, by the semantic conventions for generative AI, and are
# scraped by one Prometheus. Guessed before: one name, as one specification tells how both make it (the unit is its
# suffix). Seen: the exporter for JavaScript writes no unit, so that `gen_ai.client.operation.duration` in seconds is
# one metric with and one without `_seconds`; a dashboard or an alert by either name counts the calls of a part of the
# services, and shows no gap. Bounds of buckets differ too, `le="5.0"` in Python and `le="5"` in JavaScript, where the
# name is one as with tokens: a quantile over both then takes them for two bounds, unless the reader makes numbers of
# them first, as Prometheus does from its version 3 on.
#
# Seen with opentelemetry-exporter-prometheus 0.66b2, opentelemetry-sdk 1.45.2 (Python 3.11),
# @opentelemetry/exporter-prometheus 0.223.0, @opentelemetry/sdk-metrics 2.12.1, @opentelemetry/api 1.9.1 (Node 20).
# Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet opentelemetry-exporter-prometheus==0.66b2 opentelemetry-sdk==1.45.2
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @opentelemetry/exporter-prometheus@0.223.0 \
  @opentelemetry/sdk-metrics@2.12.1 @opentelemetry/api@1.9.1 >/dev/null
cat >measure.py <<'PY'
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import generate_latest

meter = MeterProvider([PrometheusMetricReader()]).get_meter("service")
meter.create_histogram("gen_ai.client.operation.duration", unit="s").record(1.5)
meter.create_histogram("gen_ai.client.token.usage", unit="{token}").record(12)
meter.create_counter("replies.sent", unit="By").add(3)
meter.create_counter("model.cost", unit="USD").add(0.25)
print(generate_latest().decode())
PY
cat >measure.mjs <<'JS'
import { PrometheusExporter, PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";

const exporter = new PrometheusExporter({ preventServerStart: true });
const meter = new MeterProvider({ readers: [exporter] }).getMeter("service");
meter.createHistogram("gen_ai.client.operation.duration", { unit: "s" }).record(1.5);
meter.createHistogram("gen_ai.client.token.usage", { unit: "{token}" }).record(12);
meter.createCounter("replies.sent", { unit: "By" }).add(3);
meter.createCounter("model.cost", { unit: "USD" }).add(0.25);
const { resourceMetrics } = await exporter.collect();
console.log(new PrometheusSerializer().serialize(resourceMetrics));
JS
venv/bin/python -W ignore measure.py >Python
node measure.mjs >JavaScript
for language in Python JavaScript; do
  for name in 'gen_ai[a-z_]*_count' 'replies[a-z_]*' 'model[A-Za-z_]*'; do
    sed -n "s/^\($name\){.*/$language: \1/p" $language
  done
  sed -n "s/^\(gen_ai_client_token_usage_bucket\){.*\(le=\"5[.0]*\"\).*/$language: \1{\2}/p" $language
done | tee seen
cat >expected <<'END'
Python: gen_ai_client_operation_duration_seconds_count
Python: gen_ai_client_token_usage_count
Python: replies_sent_bytes_total
Python: model_cost_USD_total
Python: gen_ai_client_token_usage_bucket{le="5.0"}
Python: gen_ai_client_token_usage_bucket{le="50.0"}
Python: gen_ai_client_token_usage_bucket{le="500.0"}
Python: gen_ai_client_token_usage_bucket{le="5000.0"}
JavaScript: gen_ai_client_operation_duration_count
JavaScript: gen_ai_client_token_usage_count
JavaScript: replies_sent_total
JavaScript: model_cost_total
JavaScript: gen_ai_client_token_usage_bucket{le="5"}
JavaScript: gen_ai_client_token_usage_bucket{le="50"}
JavaScript: gen_ai_client_token_usage_bucket{le="500"}
JavaScript: gen_ai_client_token_usage_bucket{le="5000"}
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
