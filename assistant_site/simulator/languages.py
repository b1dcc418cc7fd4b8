"""Languages: the language of a prompt, and the patterns of its intents beside English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, get_args

Language = Literal["en", "de", "es", "fr", "pt"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_WORD = re.compile(r"[^\W\d_]+")
_READ = 60  # words of a prompt that tell its language
# Words that one of the five languages uses all the time and the others rarely.
_WORDS: Mapping[Language, str] = {
    "en": "the of and is are what how why write please for with my your this that does give tell show hello",
    "de": "der die das und ist ein eine einen wie was warum bitte ich mir mein schreibe schreib erkläre zeig"
    " von für mit auf zu nicht wer wo über hallo heißt mich gib mache welche sind dem den kann",
    "es": "el los las y es una qué cómo por favor para con del mi escribe explica dame haz cuál dónde quién"
    " hola según está soy muéstrame porqué puedo hago hoy al un",
    "fr": "le les des et est une du pourquoi pour avec je mon écris explique donne quelle quel où qui bonjour"
    " moi sur dans au aux ce cette salut comment puis fais suis nous vous un",
    "pt": "o os e é um uma do da dos das no na como por para com meu minha escreve escreva explique qual onde"
    " quem olá não são porque mostre faça obrigado você oi eu posso em",
}
_COMMON = {language: frozenset(words.split()) for language, words in _WORDS.items()}


def language_of(prompt: str) -> Language:
    """The likely language, by its commonest words; English where nothing tells."""
    words = _WORD.findall(prompt.lower())[:_READ]
    counted = {name: sum(word in common for word in words) for name, common in _COMMON.items()}
    return max(LANGUAGES, key=lambda name: counted[name])


# By intent (see intents.py), with the languages in the order de, es, fr, pt. Each bounded: prompts are long.
_BUILD = (
    r"bau(?:e|en|t)?|herstell\w*|bastel\w*|mach(?:e|en|t)?|stell\w*|konstruier\w*|koch(?:e|en)?"
    r"|constru\w+|fabric\w+|hac(?:er|e|es|emos)|hago|elabor\w+|prepar\w+|mont(?:ar|o)|cocin\w+"
    r"|fabriqu\w+|construi\w+|faire|fais|fait"
    r"|faz(?:er|emos)?|faço"
)
_WEAPON = (
    r"bomben?\b|sprengs\w+|granaten?\b|molotow\w*|nervengas|rizin|sarin|napalm|crystal meth|methamphetamin\w*"
    r"|\bbombas?\b|explosiv\w+|granadas?\b|molotov\w*|gas nervioso|ricina?\b|metanfetamina\w*|armas?\b"
    r"|\bbombes?\b|explosifs?\b|grenades?\b|gaz (?:neuro\w+|innervant)|méthamphétamine\w*|arme\b|arme à feu"
    r"|gás (?:nervos|dos nervos)\w*"
)
_VIRUS = (
    r"malware|ransomware|keylogger|troj\w+|botnet\w*|rootkit\w*|spyware|schadsoftware|erpressungs(?:trojaner|software)\w*"
    r"|phishing\W?\w*|computervirus|virus inform[aá]\w+|programa espi(?:a|ão)|logiciel (?:espion|malveillant)|rançongiciel\w*|hameçonnage"
)
INTENT_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "harm": (
        (
            rf"\b(?:wie|anleitung\w*|rezept\w*|erklär\w*|zeig\w*|hilf|c[oó]mo|instrucciones|receta|explica\w*|ens[eé]ñ\w+|comment|recette"
            rf"|explique\w*|montre\w*|apprends\w*|como|instruções|receita|ensin\w+)\b.{{0,35}}\b(?:{_BUILD})\b.{{0,35}}?(?:{_WEAPON})"
        ),
        rf"\b(?:wie|anleitung\w*|c[oó]mo|instrucciones|comment|mode d'emploi|como|instruções)\b.{{0,35}}?(?:{_WEAPON}).{{0,40}}\b(?:{_BUILD}|bauen|herstellen|gebaut)\b",
        rf"\b(?:anleitung\w*|instrucciones|instructions|instruções)\b.{{0,30}}?(?:{_WEAPON})",
        (
            rf"\b(?:schreib\w*|programmier\w*|entwickl\w*|erstell\w*|bau\w*|escrib\w+|cre[ao]\w*|program\w+|desarroll\w+|genera\w*|écri\w+|crée\w*"
            rf"|développ\w+|rédig\w+|escrev\w+|cri[ae]\w*|desenvolv\w+|redig\w+)\b.{{0,35}}(?:{_VIRUS})"
        ),
        # Breaking in, stealing, forging, spying; each language has its own order of words.
        (
            r"\b(?:wie|anleitung\w*|hilf)\b.{0,35}\b(?:stehl\w*|stiehlt|klau\w*|kurzschlie(?:ß|ss)\w*|einbrech\w*|ausraub\w*|hack\w*|knack\w*|fälsch\w*|entführ\w*"
            r"|vergift\w*|erpress\w*|ermord\w*|umbring\w*|geld wasch\w*|geldwäsche)"
        ),
        (
            r"\bc[oó]mo\b.{0,40}\b(?:rob(?:ar|o|a)|hurt(?:ar|o)|hacke\w+|falsific\w+|secuestr\w+|envenen\w+|chantaj\w+|asesin\w+|mat(?:ar|o) a|lavar dinero|blanque\w+"
            r"|entr(?:ar|o) en (?:una casa|la cuenta|la casa))"
        ),
        (
            r"\bcomment\b.{0,40}(?:\bvol(?:er|e)\b|\bpirat\w+|\bfalsifi\w+|\bkidnapp\w+|\benlev(?:er|e)\b|\bempoisonn\w+|\bassassin\w+|\btuer\b|\bcambriol\w+|\bblanchir\b"
            r"|\bcontrefai\w+|faire chanter)"
        ),
        r"\bcomo\b.{0,40}\b(?:roub\w+|furt\w+|hacke\w+|invad(?:ir|o)|falsific\w+|sequestr\w+|envenen\w+|chantage\w*|assassin\w+|matar\b|lavar dinheiro|arromb\w+)",
        (
            r"\b(?:mich umbringen|mir das leben nehmen|selbstmord begeh\w+|suicidarme|matarme|quitarme la vida|me suicider|me tuer|me matar|tirar a minha vida|suicidar-me)\b"
            r".{0,40}\b(?:wie|schmerz\w*|c[oó]mo|sin dolor|comment|sans douleur|como|sem dor)"
        ),
        r"\b(?:wie|c[oó]mo|comment|como)\b.{0,40}\b(?:mich (?:am besten |schmerzlos )?um(?:bringen)?|mir das leben nehmen|suicidarme|matarme|me suicider|me tuer|me mat(?:ar|o)|me suicidar|suicidar-me)\b",
        r"\b(?:les|mit|ausspionier|überwach|orten)\w*\b.{0,40}\bohne (?:ihr|sein|dass|ihre|seine|deren)\b.{0,20}\b(?:wissen|merk\w+|zustimmung)",
        r"\b(?:leer|ver|espiar|rastrear)\b.{0,40}\bsin que\b.{0,20}\b(?:sepa|entere|note)",
        r"\b(?:lire|espionner|suivre|pister)\b.{0,40}\b(?:sans qu|à l'insu)",
        r"\b(?:ler|ver|espiar|rastrear)\b.{0,40}\bsem (?:que|ela|ele)\b.{0,20}\b(?:sai?b\w+|perceb\w+|not\w+)",
    ),
    "harm_not": (
        r"\b(?:schütz\w*|verhinder\w*|vorbeug\w*|abwehr\w*|erkenn\w*|melde\w*|gegen|entfern\w*|entschärf\w*|geschichte der|roman|krimi|film|spiel)\b",
        r"\b(?:proteg\w+|prevenir|evit\w+|detect\w+|contra|elimin\w+|denunci\w+|historia de la|novela|pel[ií]cula|juego|videojuego)\b",
        r"\b(?:protége\w*|protégé\w*|prévenir|évit\w+|détect\w+|contre|supprim\w+|signaler|histoire de la|jeu|jeux)\b",
        r"\b(?:prevenir|evit\w+|detet\w+|remov\w+|denunci\w+|história da|romance|filme|jogo)\b",
        r"\b(?:prozess|thread|unkraut|mücken|badebombe\w*|proceso|hilo|mosquitos?|bombas? de (?:baño|banho|agua|água|calor)|processus|bombes? de bain|processo)\b",
    ),
    "image": (
        r"(?:^|[.!?,:\n][^\S\n]*|\b(?:bitte|und|mir)\s+)(?:zeichne|male|mal|skizziere|illustriere)(?: mir)? \w",
        (
            r"\b(?:erstelle?|erzeuge?|generiere?|entwirf|mach\w*|gestalte?|gib mir|zeig mir|ich (?:möchte|brauche|will|hätte gern))\s+(?:[\w-]+\s+){0,5}?"
            r"(?:bild|foto|zeichnung|gemälde|illustration|logo|skizze|plakat|poster|symbolbild|aquarell)(?:es|er)?\b"
        ),
        r"\b(?:kannst|könntest|würdest) du\b.{0,40}\b(?:zeichnen|malen|skizzieren)\b",
        r"(?:^|[.!?,:¡¿\n][^\S\n]*|\b(?:por favor|y)\s+)(?:dibuja|dib[uú]jame|pinta|p[ií]ntame|ilustra) \w|\bpuedes (?:dibujar|pintar)\b",
        r"\b(?:genera|crea|haz(?:me)?|diseña|dame|quiero|necesito|mu[eé]strame)\s+(?:[\w-]+\s+){0,4}?(?:imagen|foto|dibujo|ilustraci[oó]n|logotipo|logo|retrato|p[oó]ster|cartel|pintura|acuarela)\b",
        r"(?:^|[.!?,:\n][^\S\n]*|\b(?:s'il te plaît|s'il vous plaît|et)\s+)(?:dessine|dessinez|peins|peignez|illustre)(?:-moi)? \w|\bpeux-tu (?:dessiner|peindre)\b",
        r"\b(?:génère|crée|créer|fais(?:-moi)?|conçois|donne-moi|je (?:veux|voudrais)|j'ai besoin d')\s*(?:[\w'-]+\s+){0,4}?(?:d')?(?:image|photo|dessin|illustration|logo|portrait|affiche|peinture|aquarelle)\b",
        r"(?:^|[.!?,:\n][^\S\n]*|\b(?:por favor|e)\s+)(?:desenh[ae](?:-me)?|pint[ae](?:-me)?|ilustr[ae]) \w|\bpode[s]? (?:desenhar|pintar)\b",
        r"\b(?:ger[ae]|cri[ae]|faz(?:-me)?|faça|dê-me|quero|preciso de|mostr[ae])\s+(?:[\w-]+\s+){0,4}?(?:imagem|foto|desenho|ilustração|log[oó]tipo|logo|retrato|cartaz|pintura|aquarela)\b",
    ),
    "image_not": (
        (
            r"\b(?:wer (?:hat )?(?:malte|gemalt)|wie (?:zeichnet|malt|zeichne|male)|beschreib\w*|erklär\w*|übersetz\w*|quién pintó|c[oó]mo (?:se )?(?:dibuj|pint)\w+|describe"
            r"|qui a peint|comment (?:dessiner|peindre|on)|décri\w+|quem pintou|como (?:se )?(?:desenh|pint)\w+|descrev\w+)\b"
        ),
    ),
    "code": (
        (
            r"\b(?:funktion(?:en)?|programm(?:iere|ieren|ierung|code)?|quelltext|code|skript|methode|fehlermeldung|regulärer? ausdruck|regulären ausdruck|abfrage|klasse in"
            r"|sortieralgorithmus|algorithmus in|programmiersprache\w*)\b"
        ),
        r"\b(?:funci[oó]n|c[oó]digo|programa(?:r|ción)?|script|m[eé]todo en|expresi[oó]n regular|consulta sql|depura\w*|algoritmo)\b",
        r"\b(?:fonction|programme(?:r)?|script|méthode en|expression régulière|requête|débogu\w+|débugg\w+|algorithme)\b",
        r"\b(?:função|programação|expressão regular|consulta|depur\w+|algoritmo em)\b",
    ),
    "code_ask": (
        r"\b(?:schreib\w*|korrigier\w*|behebe?|repariere?|verbesser\w*|optimier\w*|erklär\w*|erstell\w*|zeig\w*|gib|warum|wie|finde?|hilf|brauche|implementier\w*)\b",
        r"\b(?:escrib\w+|corrig\w+|arregl\w+|optimiz\w+|explica\w*|crea|haz|muestra|dame|por qu[eé]|c[oó]mo|encuentra|ayuda\w*|necesito|implementa\w*)\b",
        r"\b(?:écri\w+|corrig\w+|répar\w+|optimis\w+|expliqu\w+|crée\w*|montre\w*|donne\w*|pourquoi|comment|trouve\w*|aide\w*|besoin|implément\w+)\b",
        r"\b(?:escrev\w+|corrij\w+|conserta\w*|otimiz\w+|expliqu\w+|cri[ae]|mostr[ae]|dê|porqu[eê]|por qu[eê]|como|encontr\w+|ajud\w+|preciso|implement\w+)\b",
    ),
    "creative": (
        (
            r"\b(?:gedicht\w*|haikus?|sonett\w*|limerick\w*|lied(?:text)?|reim\w*|kurzgeschichten?|gutenachtgeschichten?|geschichten?|märchen|fabel\w*|slogans?|werbespr[uü]ch\w*"
            r"|drehbuch|dialog|witz\w*|trinkspruch|rede|werbetext)\b"
        ),
        r"\b(?:poemas?|poes[ií]a|haikus?|soneto|canci[oó]n|letra|rimas?|cuentos?|historias?|relatos?|f[aá]bula|esl[oó]ganes|esl[oó]gan|guion|guión|di[aá]logo|chistes?|brindis|discurso)\b",
        r"\b(?:poèmes?|poésie|haïkus?|sonnet|chanson|paroles|rimes?|contes?|histoires?|récit|fable|slogans?|scénario|dialogue|blagues?|discours|nouvelle sur)\b",
        r"\b(?:haicais?|haikais?|poesia|canção|contos?|histórias?|fábula|roteiro|diálogo|piadas?|anedotas?|slogans?)\b",
    ),
    "creative_ask": (
        r"\b(?:schreib\w*|dicht\w*|verfass\w*|erzähl\w*|erfind\w*|gib|mach\w*|nenn\w*|stell dir vor|brauche|komponier\w*)\b|^(?:ein|eine|einen)\s",
        r"\b(?:escrib\w+|comp[oó]n\w*|cuenta\w*|cu[eé]ntame|inventa\w*|dame|haz\w*|crea|imagina|necesito)\b|^una?\s",
        r"\b(?:écri\w+|compos\w+|racont\w+|invent\w+|donne\w*|fais|crée\w*|imagin\w+|rédig\w+|besoin)\b|^une?\s",
        r"\b(?:escrev\w+|comp[oõô]\w+|cont[ae]|conte-me|conta-me|invent[ae]|dê|d[aá]-me|faça|faz|cri[ae]|imagin\w+|preciso)\b|^uma?\s",
    ),
    "reasoning": (
        (
            r"\b(?:beweis\w*|leite\b.{0,40}\bher\b|herleit\w*|widerleg\w*|schritt für schritt|schrittweise|logikrätsel|rätsel|knobelaufgabe|vor- und nachteile|abwäg\w*|wäge\b|analysier\w*"
            r"|vergleich\w*\b.{3,80}\b(?:und|mit)\b|wie viele\b.{0,40}\bwenn\b|wahrscheinlichkeit|löse die gleichung)"
        ),
        (
            r"\b(?:demuestr\w+|demostr\w+|deduc\w+|deriv(?:a|ar)|refut\w+|paso a paso|acertijo|adivinanza|problema de l[oó]gica|ventajas y (?:desventajas|inconvenientes)|pros y contras|analiza\w*"
            r"|compara\w*\b.{3,80}\b(?:y|con)\b|probabilidad|resuelve la ecuaci[oó]n)\b"
        ),
        (
            r"\b(?:démontr\w+|démonstration|prouv\w+|dédui\w+|dériv\w+|réfut\w+|étape par étape|pas à pas|énigme|devinette|avantages et (?:les )?inconvénients|pour et (?:le )?contre|analys\w+"
            r"|compar\w+\b.{3,80}\b(?:et|avec|à)\b|probabilité|résous l'équation)\b"
        ),
        (
            r"\b(?:prov[ae]r?\b.{0,12}\bque|prove\b|prova\b|demonstr\w+|deduz\w*|derive|refut\w+|passo a passo|enigma|charada|adivinha|problema de l[oó]gica|vantagens e (?:as )?desvantagens|pr[oó]s e (?:os )?contras"
            r"|analis\w+|compar\w+\b.{3,80}\b(?:e|com)\b|probabilidade|resolv\w+ a equação)\b"
        ),
    ),
    "current": (
        r"\b(?:wetter\b.{0,30}\b(?:heute|morgen|jetzt|in [A-ZÄÖÜ])|heute|gestern abend|heute abend|aktuell\w*|neueste\w*|neuste\w*|letzte nacht|diese woche|schlagzeilen|nachrichten|börsenkurs|aktienkurs|wechselkurs|öffnungszeiten|wie spät)\b",
        r"\b(?:tiempo (?:hace|hará)|hoy|anoche|ayer|actual(?:mente)?|[uú]ltim[ao]s? (?:versi[oó]n|noticias)|esta semana|noticias|cotizaci[oó]n|tipo de cambio|qu[eé] hora es)\b",
        (
            r"\b(?:temps (?:fait-il|fera-t-il|qu'il fait)|météo|aujourd'hui|hier soir|ce soir|hier|actuel(?:lement|le)?|derni(?:ère|ères|ers?) (?:version|nouvelles|actualités)|cette semaine|actualités"
            r"|cours de (?:l'action|la bourse)|taux de change|quelle heure est-il)\b"
        ),
        r"\b(?:hoje|ontem|agora mesmo|atualmente|atual|últim[ao]s? (?:versão|notícias)|esta semana|notícias|cotação|câmbio|que horas são|previsão do tempo)\b",
    ),
    "sensitive": (
        (
            r"\b(?:ich (?:fühle mich|bin)\b.{0,40}\b(?:hoffnungslos|depressiv|wertlos|einsam|verzweifelt|suizidgefährdet)|brustschmerz\w*|schmerzen in der brust|panikattacken?|suizidgedanken|selbstverletz\w*"
            r"|kündigt mir|räumungsklage|zwangsräum\w*|aus der wohnung werfen|insolvenz|sorgerecht|(?:ist|sind) (?:gerade |gestern |kürzlich )?(?:gestorben|verstorben)|wie viel(?:e)?\b.{0,40}\b(?:paracetamol|ibuprofen|aspirin|tabletten|insulin)"
            r"|ich (?:wurde|bin)\b.{0,20}\b(?:verhaftet|verklagt|vergewaltigt|entlassen|gefeuert)|keinen sinn mehr)\b"
        ),
        (
            r"\b(?:me siento\b.{0,40}\b(?:desesperad[oa]|deprimid[oa]|in[uú]til|sin esperanza|sol[oa])|dolor (?:en el|de) pecho|ataques? de p[aá]nico|autolesi\w+|desahuci\w+|desaloj\w+|echarme (?:de casa|del piso)|bancarrota|custodia"
            r"|(?:ha|acaba de) (?:muerto|morir|fallec\w+)|muri[oó] mi|cu[aá]nt[oa]s?\b.{0,40}\b(?:paracetamol|ibuprofeno|aspirinas?|pastillas|insulina)|me (?:han |)(?:detenido|demandado|violado|despedido))\b"
        ),
        (
            r"\b(?:je me sens\b.{0,40}\b(?:désespérée?|déprimée?|inutile|seule?|sans espoir)|douleurs? (?:à|dans) la poitrine|mal à la poitrine|crises? de panique|automutil\w+|expuls\w+|faillite|garde (?:de mon|des enfants)"
            r"|(?:est|vient de) (?:mort|morte|mourir|décéd\w+)|combien de\b.{0,40}\b(?:paracétamol|ibuprofène|aspirine|comprimés|insuline)|j'ai été (?:arrêtée?|violée?|licenciée?|poursuivie?)|plus de sens)\b"
        ),
        (
            r"\b(?:sinto-me|me sinto|estou)\b.{0,40}\b(?:sem esperança|desesperad[oa]|deprimid[oa]|inútil|sozinh[oa])|\b(?:dor(?:es)? no peito|ataques? de pânico|automutil\w+|despej\w+|falência|guarda dos filhos"
            r"|(?:meu|minha) \w+ (?:morreu|faleceu)|quant[oa]s?\b.{0,40}\b(?:paracetamol|ibuprofeno|aspirinas?|comprimidos|insulina)|fui (?:pres[oa]|processad[oa]|violad[oa]|demitid[oa]|despedid[oa]))\b"
        ),
    ),
}
