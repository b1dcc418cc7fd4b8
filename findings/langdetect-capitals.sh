#!/usr/bin/env bash
# langdetect takes a Spanish, Polish, Turkish or Russian question in capitals for Portuguese, German, English or
# Bulgarian.
#
# Guessed before: a question has the same language in capitals, or the detector is less sure. Seen: langdetect leaves
# all words in capitals out, but for their first letters, and decides by those: of eleven languages it names two right,
# and five of the wrong ones with a certainty of 1.00. An assistant answers in the language that was detected, or picks
# its rules or its search by it, and people who are upset write in capitals. A call of lower() before it is enough.
# py3langid and eld tell all eleven right either way.
#
# Seen with langdetect 1.0.9, py3langid 0.4.0, eld 1.0.6, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet langdetect==1.0.9 py3langid==0.4.0 eld==1.0.6
cd "$folder"
venv/bin/python -W ignore - <<'PY' | tee seen
import langdetect
import py3langid
from eld import LanguageDetector

QUESTIONS = {
    "en": "I have been waiting for my order for two weeks",
    "de": "Ich warte seit zwei Wochen auf meine Bestellung",
    "fr": "Je voudrais annuler ma commande de la semaine dernière",
    "es": "Quiero cancelar mi pedido de la semana pasada",
    "it": "Vorrei annullare il mio ordine della settimana scorsa",
    "nl": "Ik wil mijn bestelling van vorige week annuleren",
    "pt": "Quero cancelar o meu pedido da semana passada",
    "pl": "Chcę anulować moje zamówienie z zeszłego tygodnia",
    "sv": "Jag vill avbeställa min order från förra veckan",
    "ru": "Я хочу отменить свой заказ с прошлой недели",
    "tr": "Geçen haftaki siparişimi iptal etmek istiyorum",
}
eld = LanguageDetector()


def by_langdetect(text):
    langdetect.DetectorFactory.seed = 0
    [best, *_] = langdetect.detect_langs(text)
    return best.lang, best.prob


for language, question in QUESTIONS.items():
    assert by_langdetect(question)[0] == language, question
    found, certainty = by_langdetect(question.upper())
    others = {py3langid.classify(question.upper())[0], eld.detect(question.upper()).language}
    print(f"{language} in capitals: langdetect {found} ({certainty:.2f}), the others {', '.join(sorted(others))}")
PY
cat >expected <<'END'
en in capitals: langdetect de (0.86), the others en
de in capitals: langdetect de (0.57), the others de
fr in capitals: langdetect de (0.57), the others fr
es in capitals: langdetect pt (1.00), the others es
it in capitals: langdetect en (0.71), the others it
nl in capitals: langdetect de (0.86), the others nl
pt in capitals: langdetect pt (1.00), the others pt
pl in capitals: langdetect de (1.00), the others pl
sv in capitals: langdetect de (1.00), the others sv
ru in capitals: langdetect bg (1.00), the others ru
tr in capitals: langdetect en (1.00), the others tr
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
