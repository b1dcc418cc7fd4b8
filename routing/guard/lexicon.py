"""Lexicon: the words of injections by concept, in the languages that are tried most.

Written as ``plain`` leaves them (no accents, ``ss`` for ``ß``), without case. A trailing ``*``
stands for any ending. Forms that only describe ("ignored", "ignoring") are left out on purpose.
"""

# ruff: noqa: RUF001 - letters of several alphabets

from __future__ import annotations

CONCEPTS = {
    "override": """
        ignore disregard forget overlook override overrule bypass abandon discard drop dismiss
        circumvent unlearn ignora ignorar ignoren ignorez ignorons ignorer ignorieren ignoriere
        ignoriert ignorier missachte missachten missachtet vergiss vergessen vergesst verwirf
        verwerfen umgehe olvida olvide olviden olvidar olvidate olvidad descarta descarte
        desestima oublie oubliez oublier negligez neglige ignorate dimentica dimenticate
        dimenticare trascura esqueca esquece esquecer desconsidere desconsidera negeer vergeet
        zignoruj zapomnij забудь забудьте игнорируй игнорируйте проигнорируй проигнорируйте
        zaboravi zaboravite ignoriraj zanemari unut yoksay gormezden ignorera glom
    """,
    "core": """
        instruction instructions instruct directive directives prompt prompts guideline guidelines
        programming guardrail guardrails safeguard safeguards systemprompt
        anweisung* instruktion* vorgabe* richtlinie* systemanweisung*
        instruccion* directriz directrices indicacion indicaciones consigne* directive*
        istruzion* direttiv* instruc* diretriz* instructies richtlijn* polecen* instrukcj*
        инструкци* указани* instrukcij* upute talimat* yonerge*
    """,
    "soft": """
        rule rules order orders command commands constraint constraints restriction restrictions
        policy policies assignment assignments task tasks training limitation limitations
        regel* befehl* aufgabe* auftrag* regla* orden ordenes tarea* regle* ordre* tache*
        regol* ordin* regra* ordem ordens comando* правил* команд* pravila
        information informationen informacion informations angaben document documents dokument*
        context kontext contexto contexte articles
    """,
    "prior": """
        previous prior above preceding earlier former foregoing initial original existing
        beforehand previously before vorherig* vorig* bisherig* obig* vorangegangen*
        vorangehend* vorhergehend* fruher* davor vorher anterior* previa previas previo previos
        arriba precedent precedente precedentes precedents anterieur* dessus avant precedenti
        sopra acima eerder* bovenstaand* vorige предыдущ* прежн* выше prethodn* poprzedni*
        onceki tidigare antes
    """,
    "given": "told given received instructed programmed gesagt* gegeben* erhalten dicho dado dit",
    "your": """
        your you've yours ur dein deine deinen deiner deinem ihre ihren eure tu tus su sus
        vuestras tes vos ton votre tuoi tue vostre suas seus tuas jouw uw твои свои ваши
    """,
    "system": "system developer hidden secret systems versteckt* oculto oculta sistema systeme",
    "all": """
        all any every each entire whole full complete everything alle alles allen aller samtlich*
        gesamt* ganzen vollstandig* todo todos todas toda completo tout toute tous toutes complet
        tutti tutte tutto tudo alle alles все всё весь sve svi wszystk* tum butun
    """,
    "everything": "everything alles todo tout tutto tudo все всё sve",
    "reveal": """
        show display print output reveal repeat tell give share list leak expose disclose recite
        copy paste return say dump summarize zeig zeige zeigen zeigt gib geben nenne verrate
        wiederhole wiederholen ausgeben muestra muestrame muestre mostrar revela repite repita
        dime dame imprime montre montrez affiche affichez revele revelez repete repetez donne
        mostra mostrami rivela ripeti mostre repita покажи выведи повтори раскрой
    """,
    "ask": "what what's which wie was welche wat cual cuales que quelle quelles quel quais",
    "say": """
        say print output write tell answer reply respond repeat do act sag sage schreib schreibe
        antworte gib di diga digas escribe dites dis ecris ecrivez rispondi scrivi diga escreva
        скажи скажите напиши
    """,
    "text": "text texts texte words sentence sentences lines message content",
    "secret": """
        password passwords passcode passphrase credentials passwort kennwort contrasena clave
        senha пароль
    """,
    "new": "new neue neuen neuer nueva nuevas nuevos nouvelle nouvelles nouveau",
    "obey": """
        follow obey adhere heed respect comply befolge folge halte sigas obedezcas suivez suis
    """,
    "never": """
        not don't dont do-not never without no kein keine nicht niemals nunca jamas ne pas jamais
        non nao
    """,
}

# Subjects of a description ("models ignore instructions"): the verb after them is no command.
SUBJECTS = """
    i we they he she it people user users someone somebody anyone who which that model models
    llm llms ai ais chatbot chatbots bot assistant attacker attackers student students employees
    drivers children kids teachers ich wir sie er es man leute nutzer benutzer yo nosotros ellos
    usuarios je nous ils elles on"""
# Words that a command may have before it without becoming a description.
LEADS = """
    please now just then and but so ok okay hey stop first kindly must should can could will
    would shall immediately simply also you or again instead actually therefore bitte nun jetzt
    dann und aber doch musst sollst por favor ahora y pero tienes debes que maintenant et alors
    mais puis dois devez per ora e пожалуйста а и теперь"""
CONJUNCTIONS = "and but then or please now stop bitte und dann nun jetzt y ahora et maintenant e и"
NEGATIONS = "not don't dont cannot can't never nicht kein niemals no nunca jamas ne jamais nao non"
# Before "to": the reader is asked to act ("you need to").
REQUESTING = "want need have going like command order ask require supposed must instruct task"
# Talk about words, or about injections, before one is shown.
ABOUT = """
    translate translation ubersetze ubersetzen traduce traduis traduisez explain explains
    explaining erklare explica explique mean means meaning meant bedeutet significa signifie
    detect detects detecting detection prevent prevents preventing defend classify classifies
    recognise recognize contains containing called titled example examples beispiel ejemplo
    exemple phrase phrases like saying says wrote typed types happens why define describe
    discuss discusses spell grammar proofread correct rephrase paraphrase quote quotes"""
ABOUT_ATTACKS = """
    injection injections jailbreak jailbreaks jailbreaking attack attacks attacker attackers
    adversarial classifier classifiers phrase phrases sentence wording regex dataset owasp
    vulnerability vulnerabilities exploit exploits redteam payload payloads malicious mitigation
    mitigations"""
