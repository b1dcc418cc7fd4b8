#!/usr/bin/env bash
# ROUGE and BLEU give 0 to an answer that equals its reference, and ROUGE the whole score to a wrong one.
#
# rouge-score, Google's own, and sacrebleu measure answers of models in many evaluations. Guessed before: a text
# that equals its reference has the highest score in any language. Seen: rouge-score keeps Latin letters without
# marks and digits, and drops all else without a warning. A Russian or Chinese sentence has 0 with itself; "Москва
# 2024" has 1.0 with "Лондон 2024", "Größe" 1.0 with "Grüße", "-5" 1.0 with "5". sacrebleu takes a Chinese sentence, without its option for
# Chinese, for one word: sentence_bleu gives it 100 with itself, and corpus_bleu, the function for a whole set, 0.
#
# Seen with rouge-score 0.1.2, sacrebleu 2.6.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rouge-score==0.1.2 sacrebleu==2.6.0
"$folder/venv/bin/python" - <<'PY'
import sys

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import corpus_bleu, sentence_bleu

PAIRS = [
    ("Resetting takes a minute.", "Resetting takes a minute."),
    ("Сброс пароля занимает минуту.", "Сброс пароля занимает минуту."),
    ("重置密码需要一分钟。", "重置密码需要一分钟。"),
    ("Москва 2024", "Лондон 2024"),
    ("Größe", "Grüße"),
    ("The answer is -5.", "The answer is 5."),
]
scorer = RougeScorer(["rougeL"])
seen = [round(float(scorer.score(*pair)["rougeL"].fmeasure), 2) for pair in PAIRS]
for pair, score in zip(PAIRS, seen):
    print(f"ROUGE-L {score}: {' | '.join(pair)}")
chinese = PAIRS[2][0]
bleu = {
    "sentence": round(sentence_bleu(chinese, [chinese]).score),
    "corpus": round(corpus_bleu([chinese], [[chinese]]).score),
    "corpus, tokenize=zh": round(corpus_bleu([chinese], [[chinese]], tokenize="zh").score),
}
print("BLEU of the Chinese sentence with itself:", bleu)
expected = [1.0, 0.0, 0.0, 1.0, 1.0, 1.0], {"sentence": 100, "corpus": 0, "corpus, tokenize=zh": 100}
sys.exit(0 if (seen, bleu) == expected else f"changed: {seen}, {bleu}, expected {expected}")
PY
