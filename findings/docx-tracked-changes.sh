#!/usr/bin/env bash
# A price that somebody changed in a Word document is missing from its text: "The fee is  euros a month."
#
# python-docx is what many readers of Word files use, Haystack's DOCXToDocument among them. Guessed before: the text of
# a paragraph with a tracked change is the new one, as docx2txt and mammoth give it, or the old one. Seen: it is
# neither. `paragraph.text` leaves the inserted words out with the deleted ones, and the text of form fields (content
# controls), too: "10" was changed to "20" and the number is gone, and who signs is empty; a control that holds whole
# paragraphs loses them all. docx2txt and mammoth read all of it. No error says so, and the sentence that is left is
# what an index holds and a model answers from. A contract that several people worked on has such changes as a rule.
#
# Seen with python-docx 1.2.0, docx2txt 0.9, mammoth 1.13.0, haystack-ai 3.4.1, Python 3.11. Installs them into a
# temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet python-docx==1.2.0 docx2txt==0.9 mammoth==1.13.0 haystack-ai==3.4.1
cd "$folder"
HAYSTACK_TELEMETRY_ENABLED=False venv/bin/python -W ignore - <<'PY' | tee seen
import docx
import docx2txt
import mammoth
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from haystack.components.converters import DOCXToDocument

WORD = nsdecls("w")
CHANGED = f"""<w:p {WORD}><w:r><w:t xml:space="preserve">The fee is </w:t></w:r>
<w:del w:id="1" w:author="A"><w:r><w:delText>10</w:delText></w:r></w:del>
<w:ins w:id="2" w:author="A"><w:r><w:t>20</w:t></w:r></w:ins>
<w:r><w:t xml:space="preserve"> euros a month.</w:t></w:r></w:p>"""
FIELD = f"""<w:p {WORD}><w:r><w:t xml:space="preserve">Signed by </w:t></w:r>
<w:sdt><w:sdtContent><w:r><w:t>the landlord</w:t></w:r></w:sdtContent></w:sdt><w:r><w:t>.</w:t></w:r></w:p>"""
BLOCK = f"""<w:sdt {WORD}><w:sdtContent><w:p><w:r><w:t>Notice is three months.</w:t></w:r></w:p>
</w:sdtContent></w:sdt>"""

document = docx.Document()
for xml in (CHANGED, FIELD, BLOCK):
    document.element.body.insert_element_before(parse_xml(xml), "w:sectPr")
document.save("lease.docx")


def lines(text):
    return [line for line in text.split("\n") if line]


print("python-docx:", [each.text for each in docx.Document("lease.docx").paragraphs])
print("Haystack:", lines(DOCXToDocument().run(["lease.docx"])["documents"][0].content))
print("docx2txt:", lines(docx2txt.process("lease.docx")))
with open("lease.docx", "rb") as file:
    print("mammoth:", lines(mammoth.extract_raw_text(file).value))
PY
cat >expected <<'END'
python-docx: ['The fee is  euros a month.', 'Signed by .']
Haystack: ['The fee is  euros a month.', 'Signed by .']
docx2txt: ['The fee is 20 euros a month.', 'Signed by the landlord.', 'Notice is three months.']
mammoth: ['The fee is 20 euros a month.', 'Signed by the landlord.', 'Notice is three months.']
END
cmp -s seen expected || { echo "changed: expected" >&2; cat expected >&2; exit 1; }
