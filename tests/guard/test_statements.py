"""What people tell of themselves, in six languages: on the sentences in ``personal/`` and on whole texts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from routing.evaluation.personal_data import counts, judge, read_sentences
from routing.guard.personal import personal_data
from routing.guard.statements import personal_statements

SENTENCES = Path(__file__).parent / "personal"
REPORTED = (
    "Ich heiße Jonas Becker",
    "Je m'appelle Chloé",
    "Me llamo Ana",
    "Meu nome é Rafael",
    "私の名前は佐藤花子です。",
    "Ich bin schwanger",
    "J'ai un cancer",
    "I had an abortion",
    "I am gay and my parents don't know",
    "Mein Passwort lautet Sommer2024!",
    "Kundennummer 123456, bitte kündigen.",
    "Wo bleibt meine Bestellung 88213?",
    "Mein Konto 532013000 ist gesperrt.",
    "Vivo en la calle Mayor 23, Madrid.",
    "Abito in via Garibaldi 7, Torino.",
    "J'habite 12 rue des Lilas.",
    "Moro na Rua das Flores, 120.",
    "住所は東京都千代田区千代田1-1です。",
    "This is Sandra speaking, can I move my appointment?",
    "Hier spricht Uwe, ist mein Paket da?",
    "Bonjour, Amélie Roche à l'appareil.",
    "Aqui fala o Tiago, quero remarcar.",
    "Am Mühlbach 3, 84028 Landshut",
    "I live in a small flat in Leeds.",
    "Ich wohne in einer Wohnung in Köln.",
    "A pupil in my class, Dana P., comes without breakfast.",
    "Kollege Brandt trinkt bei der Arbeit.",
    "The wifi is open and the password's maple-Porch-31.",
    "Minha senha do banco é Girafa#7719",
    "curl -H 'Authorization: Bearer 1f2e3d4c5b6a7988'",
    "I take 20 mg of citalopram.",
    "I owe my uncle 9k",
    "Llevo un año con ansiedad.",
    "I live with chronic pain",
    "My sugar was 210 after lunch",
    "I haven't slept in days because of the new pills",
    "My friend's husband hits her",
    "Tom, my flatmate, has been stealing my food",
    "use code 7781 for the gate",
    "The wifi key is WPA-9981-ABCD",
    "Das Passwort fürs WLAN ist Apfel123",
    "Hallo, Jens hier",
    "Soy Lucía",
    "Ho il colesterolo alto",
    "I missed two car loan payments, will they take it?",
    "We can't cover the mortgage this month.",
    "Wir sind mit zwei Kreditraten im Verzug.",
    "Mein Konto ist seit Wochen überzogen.",
    "Ich beziehe Bürgergeld, darf ich etwas dazuverdienen?",
    "Je n'arrive plus à rembourser mon crédit.",
    "No llego a pagar la hipoteca.",
    "Não consigo pagar as prestações do carro.",
    "Non riusciamo più a pagare le bollette.",
    "My employer hasn't paid my wages since May.",
    "Ich habe eine Abmahnung vom Chef bekommen.",
    "Mon patron ne me paie pas mes heures.",
    "Mi jefe no me paga las horas extra.",
    "Il mio datore non mi paga lo stipendio.",
    "Geschäftszeichen 12 O 44/24, was heißt das für mich?",
    "Re: docket 24-CV-1187, when is my hearing?",
    "I have had blood in my urine since Monday.",
    "J'ai du sang dans les selles.",
    "Tengo mareos cada mañana.",
    "Being diabetic, which fruit can I eat?",
    "Unterschreib mit meinem vollen Namen: Jonas Petersen.",
    "Signe avec mon nom complet : Claire Dubois.",
)


@pytest.mark.pure
@pytest.mark.parametrize("name", ["development", "held_out"])
def test_seven_of_ten_are_found_and_nine_of_ten_finds_are_right(name: str) -> None:
    judged = judge(read_sentences(SENTENCES / f"{name}.csv"))
    sums = counts(judged)
    assert sums.personal + sums.others >= 200
    assert sums.found / sums.personal >= 0.9
    assert sums.precision is not None
    assert sums.precision >= 0.95
    for language in ("en", "de", "fr", "es", "pt", "it"):
        own = counts([each for each in judged if each.sentence.language == language])
        assert own.found / own.personal >= 0.7, language
        assert own.mistaken <= 1, language


@pytest.mark.pure
@pytest.mark.parametrize("name", ["told_development", "told_held_out"])
def test_what_people_tell_an_assistant_is_found(name: str) -> None:
    judged = judge(read_sentences(SENTENCES / f"{name}.csv"))
    sums = counts(judged)
    assert sums.found / sums.personal >= 0.9
    assert sums.mistaken <= 2
    for kind in ("health", "person", "family", "secret", "introduction"):
        own = counts([each for each in judged if each.sentence.kind == kind])
        assert own.found / own.personal >= 0.7, kind


@pytest.mark.pure
@pytest.mark.parametrize("text", REPORTED)
def test_what_was_missed_is_found(text: str) -> None:
    assert personal_data(text)


@pytest.mark.pure
@pytest.mark.parametrize(
    "text",
    [
        "I have a question about diabetes.",
        "Ich habe eine Frage zu Krebs.",
        "I am writing an essay about depression.",
        "What did Dr. King say in his speech?",
        "Is 192.168.0.1 a private address?",
        "I lost my phone, what should I do?",
        "My passcode is not being accepted",
        "I cannot remember my passcode, is there a way to get it?",
        "Ich bin der Meinung, dass Berlin schön ist.",
        "I'm seeing a direct debit payment.",
        "Invoice 2024 templates",
        "I live in a small flat, how do I dry my laundry?",
        "Ich wohne in einer kleinen Wohnung, wie trockne ich Wäsche?",
        "J'habite dans un petit studio, comment ranger ?",
        "Vivo en un piso pequeño, ¿cómo gano espacio?",
        "Moro num apartamento pequeno, como ganho espaço?",
        "Abito in un monolocale, come lo arredo?",
        "I work for a small company, how do I ask for leave?",
        "My code throws error 1045, why?",
        "Can you check my tire pressure?",
        "Who lives at 221B Baker Street?",
        "4242 4242 4242 4242 is a test card, isn't it?",
        "Wann wurde Insulin entdeckt?",
        "Devo usare 500 g di farina, quante uova servono?",
        "Can being overweight cause diabetes?",
        "Could a dog be ill without anyone being pregnant?",
        "I'm behind on my reading, suggest a plan.",
        "I can't pay with my card in the app.",
        "I can pay my bills monthly or yearly: which is cheaper?",
        "Kann ich meine Stromrechnung in Raten zahlen?",
        "Was passiert, wenn man die Miete nicht zahlen kann?",
        "Wie hoch ist das Bürgergeld?",
        "Que faire quand on ne peut plus payer son loyer ?",
        "Non riesco a pagare con la carta sul sito, come faccio?",
        "Was ist eine Abmahnung?",
        "Worum ging es im Urteil mit dem Aktenzeichen 1 BvR 16/13?",
        "What does blood in the stool mean?",
        "Ich habe Blut gespendet. Wie oft darf man das?",
        "I haven't paid attention in class, summarise photosynthesis.",
        "How do I add my full name field to a form?",
        "password: how long should it be?",
        "The token is invalid, what now?",
    ],
)
def test_what_only_sounds_personal_is_not(text: str) -> None:
    assert personal_data(text) == frozenset()


@pytest.mark.pure
@pytest.mark.parametrize(
    "text",
    [
        "Write a story in which my neighbour is a spy.",
        'Write a scene: "I have cancer," said Tom.',
        "Schreibe eine Geschichte, in der mein Nachbar ein Spion ist.",
        "Écris une histoire où ma voisine est une sorcière.",
        "How do I tell my boss that I quit?",
    ],
)
def test_what_a_character_tells_is_not_personal(text: str) -> None:
    assert personal_data(text) == frozenset()


@pytest.mark.pure
@pytest.mark.parametrize(
    "text",
    [
        "Write a story for my daughter who is autistic.",
        "Write a story where a dog sings. I have cancer and need to laugh.",
        "I have cancer, write a story where a dog sings.",
        "Write a story where a door opens and the password is Tulip-99.",
    ],
)
def test_what_is_told_beside_fiction_is_personal(text: str) -> None:
    assert personal_data(text)


@pytest.mark.pure
def test_a_clause_ends_what_an_opening_is_about() -> None:
    assert personal_statements("I am here. What is cancer?") == frozenset()
    assert personal_statements("I am ill with cancer") == {"health"}
    assert personal_statements("Best regards,\n\nOlivia Grant") == {"name"}


def test_the_command_shows_recall_and_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sentences.csv"
    file.write_text(
        "text,label,kind,language\nIch heiße Jonas Becker,1,name,de\nHello,1,name,en\nHi,0,none,en\n"
    )
    call_command("evaluate_personal_data", file, json=tmp_path / "out.json", wrong=True)
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["all"] == {"personal": 2, "found": 1, "others": 1, "mistaken": 0}
    assert figures["de"]["found"] == 1
    assert "nothing: Hello" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "text\nx\n", "text,label\n"])
def test_a_file_without_labels_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.csv").write_text(content)
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("evaluate_personal_data", tmp_path / "f.csv")
