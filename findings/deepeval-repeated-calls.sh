#!/usr/bin/env bash
# An agent that makes exactly the expected tool calls has half of the score where a call is expected twice.
#
# An agent that asks for the state of a job, waits and asks again makes two equal calls, and a test expects them.
# Guessed before: tools called as expected, in number, order and arguments, score 1.0 by deepeval's ToolCorrectness.
# Seen: two equal calls of two score 0.5, three of three 0.33, and the reason says "missing tools []": the calls that
# were counted are kept in a set, where equal ones are one. With `should_exact_match` or `should_consider_ordering`
# the score is 1.0. The default that leaves the order aside depends on the order of the expected calls, too, where
# arguments are compared: each of them takes the best call that is left (0.5 or 0.75 for the same calls). `True` and 1
# are the same argument in all modes, as in agentevals for Python; agentevals for JavaScript tells them apart.
#
# Seen with deepeval 4.3.1, agentevals 0.0.9 (Python 3.11), agentevals 0.0.7 (Node 20). No model is asked. Installs
# them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet deepeval==4.3.1 agentevals==0.0.9
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund agentevals@0.0.7 @langchain/core@1.4.0 >/dev/null
cat >score.py <<'PY'
import json

from agentevals.trajectory.match import create_trajectory_match_evaluator
from deepeval.metrics import ToolCorrectnessMetric
from deepeval.models import DeepEvalBaseLLM
from deepeval.test_case import LLMTestCase, ToolCall, ToolCallParams


class NoModel(DeepEvalBaseLLM):
    def load_model(self):
        return self

    def get_model_name(self):
        return "none"

    def generate(self, prompt):
        raise AssertionError("a model is asked")

    a_generate = generate


def score(called, expected, **options):
    calls = [[ToolCall(name="job", input_parameters=each) for each in side] for side in (called, expected)]
    options.setdefault("evaluation_params", [ToolCallParams.INPUT_PARAMETERS])
    metric = ToolCorrectnessMetric(model=NoModel(), async_mode=False, **options)
    metric.measure(LLMTestCase(input="-", actual_output="-", tools_called=calls[0], expected_tools=calls[1]), _show_indicator=False)
    return round(metric.score, 2)


def trajectory(arguments):
    return [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "job", "arguments": json.dumps(arguments)}}]}]


once, near, far, other = {"id": 7}, {"a": 1, "b": 2}, {"a": 1, "b": 1}, {"a": 1, "b": 3}
print("one of one:", score([once], [once]))
print("two of two:", score([once] * 2, [once] * 2))
print("two of two, names alone:", score([once] * 2, [once] * 2, evaluation_params=[]))
print("three of three:", score([once] * 3, [once] * 3))
print("two of two, exact:", score([once] * 2, [once] * 2, should_exact_match=True))
print("two of two, in order:", score([once] * 2, [once] * 2, should_consider_ordering=True))
print("two expected calls, then the other way round:", score([near, far], [other, near]), score([near, far], [near, other]))
print("True for 1, exact:", score([{"on": True}], [{"on": 1}], should_exact_match=True))
strict = create_trajectory_match_evaluator(trajectory_match_mode="strict")
print("True for 1, agentevals:", strict(outputs=trajectory({"on": True}), reference_outputs=trajectory({"on": 1}))["score"])
PY
cat >score.mjs <<'JS'
import { createTrajectoryMatchEvaluator } from "agentevals";

const trajectory = (args) => [
  { role: "assistant", content: "", tool_calls: [{ function: { name: "job", arguments: JSON.stringify(args) } }] },
];
const strict = createTrajectoryMatchEvaluator({ trajectoryMatchMode: "strict" });
const { score } = await strict({ outputs: trajectory({ on: true }), referenceOutputs: trajectory({ on: 1 }) });
console.log("true for 1, agentevals for JavaScript:", score);
JS
{ DEEPEVAL_TELEMETRY_OPT_OUT=1 venv/bin/python -W ignore score.py && node score.mjs; } | tee seen
cat >expected <<'END'
one of one: 1.0
two of two: 0.5
two of two, names alone: 0.5
three of three: 0.33
two of two, exact: 1.0
two of two, in order: 1.0
two expected calls, then the other way round: 0.5 0.75
True for 1, exact: 1.0
True for 1, agentevals: True
true for 1, agentevals for JavaScript: false
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
