"""Lexicon of the reuse model: English opposites, kinds, synonyms and fillers, collected by hand.

Data only: ``pair_features`` turns the lists into pairs of stems when it is loaded.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP = _words(
    """
    a an the this that these those there here it its i me my mine we us our you your yours he him his
    she her they them their is are was were be been being am do does did done doing have has had having
    will would shall should can could may might must of in on at by for with about into to from as and
    or but if so than then too very just also some any what which who whom whose when where why how
    s t re ve ll d m please hi hello hey thanks thank tell know want need like let get got give show
    help way ways thing things one ones im ive id whats hows something anything someone anyone go
    going make really actually exactly ok okay much many lot well
    """
)
"""Words that say little about the matter. Negations are none of them."""

NEGATIONS = _words(
    """
    not no never none nobody nothing neither nor without cannot cant dont doesnt didnt isnt arent
    wasnt werent wont wouldnt shouldnt couldnt hasnt havent hadnt mustnt aint unable fail failed fails
    """
)

NEGATING_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "de", "mis", "anti")

OPPOSITES = """
    enable/disable activate/deactivate add/remove add/delete create/delete create/remove create/destroy
    insert/delete increase/decrease increase/reduce raise/lower raise/reduce rise/fall up/down go/stop
    before/after cheap/expensive cheapest/expensive best/worst most/least more/less more/fewer max/min
    maximum/minimum high/low highest/lowest big/small biggest/smallest large/small largest/smallest
    long/short longest/shortest lost/found lose/find lose/gain lose/win win/loss profit/loss gain/loss
    buy/sell purchase/sell bid/ask call/put borrow/lend borrowing/lending debit/credit deposit/withdraw
    deposit/withdrawal send/receive incoming/outgoing inbound/outbound import/export upload/download
    push/pull open/close lock/unlock block/unblock freeze/unfreeze start/stop start/end begin/end
    start/finish first/last earliest/latest early/late old/new oldest/newest on/off in/out
    include/exclude with/without allow/deny allow/forbid allow/block accept/reject accept/decline
    approve/reject approve/deny grant/revoke refresh/revoke subscribe/unsubscribe follow/unfollow
    install/uninstall connect/disconnect attach/detach mount/unmount login/logout encrypt/decrypt
    encode/decode compress/decompress compress/extract zip/unzip pack/unpack serialize/deserialize
    marshal/unmarshal lock/release acquire/release public/private internal/external local/remote
    online/offline manual/automatic synchronous/asynchronous sync/async static/dynamic ascending/descending
    asc/desc sort/reverse horizontal/vertical left/right top/bottom above/below over/under front/back
    forward/backward next/previous inside/outside indoor/outdoor north/south east/west hot/cold warm/cold
    wet/dry hard/soft hard/easy easy/difficult simple/complex fast/slow quick/slow heavy/light
    dark/light day/night morning/evening summer/winter male/female man/woman boy/girl husband/wife
    father/mother brother/sister son/daughter king/queen true/false yes/no right/wrong correct/wrong
    correct/incorrect valid/invalid legal/illegal possible/impossible safe/unsafe safe/dangerous
    healthy/unhealthy benefit/risk benefit/harm benefit/drawback advantage/disadvantage pro/con
    strength/weakness cause/effect cause/cure cause/prevent cause/treatment symptom/treatment
    symptom/cause symptom/cure problem/solution question/answer theory/practice supply/demand
    income/expense income/deduction taxable/deductible asset/liability surplus/deficit bull/bear
    hedge/profit waive/charge refund/charge free/paid eligible/ineligible available/unavailable
    present/absent presence/absence full/empty alive/dead birth/death born/die marry/divorce love/hate
    like/dislike happy/sad positive/negative plus/minus multiply/divide sum/difference even/odd
    arrive/depart arrival/departure enter/exit enter/leave join/leave hire/fire employ/fire
    teach/learn ask/answer lead/follow attack/defend war/peace rich/poor strong/weak thick/thin
    wide/narrow deep/shallow young/old ancient/modern natural/artificial real/fake original/copy
    upgrade/downgrade update/rollback merge/split join/split read/write input/output client/server
    frontend/backend host/guest buyer/seller teacher/student doctor/patient employer/employee parent/child
    landlord/tenant winner/loser victory/defeat success/failure succeed/fail pass/fail
    inherited/gifted fixed/variable gross/net simple/compound weekday/weekend domestic/international
    domestic/foreign national/international wholesale/retail singular/plural vowel/consonant
    lossy/lossless stateful/stateless mutable/immutable optimistic/pessimistic vegan/carnivore
    gain/lose weigh/measure speed/slow tighten/loosen expand/shrink expand/contract inflate/deflate
    inflation/deflation recover/lose keep/discard keep/cancel renew/cancel confirm/cancel
    book/cancel hide/show show/hide pause/resume mute/unmute silence/loud loud/quiet
    pending/completed pending/posted failed/successful temporary/permanent optional/required
    optional/mandatory earn/pay earned/paid earn/owe owe/own invest/divest appreciate/depreciate
    appreciation/depreciation premium/discount bullish/bearish rally/crash overvalued/undervalued
    lender/borrower lending/borrowing creditor/debtor payer/payee sender/recipient sender/receiver
    principal/interest revenue/expense revenue/cost assets/liabilities secured/unsecured
    insured/uninsured covered/uncovered covered/excluded included/excluded exempt/taxable
    taxable/exempt pretax/posttax pre/post growth/value dividend/growth active/passive
    contribute/withdraw contribution/withdrawal contribution/distribution deductible/copay
    vest/expire exercise/expire market/limit stop/limit stop-loss/stop-limit open-end/closed-end
    statement/available posted/available minimum/statement prepayment/late reinstate/revoke
    acute/chronic benign/malignant systolic/diastolic hyper/hypo hypertension/hypotension
    hyperglycemia/hypoglycemia hyperthyroidism/hypothyroidism tachycardia/bradycardia
    constipation/diarrhea underweight/overweight inpatient/outpatient viral/bacterial
    bacterial/fungal prescription/over-the-counter brand/generic oral/injectable oral/topical
    fasting/fed sensitive/resistant dominant/recessive contagious/noncontagious tolerate/avoid
    conceive/prevent gain/prevent induce/suppress stimulate/inhibit agonist/antagonist
    tighten/relax contract/relax inhale/exhale swallow/spit prevent/cause relieve/worsen
    improve/worsen better/worse help/hurt help/harm protect/harm promote/prevent
    build/demolish build/deploy commit/revert stage/unstage check/uncheck select/deselect
    expand/collapse minimize/maximize dock/undock pin/unpin archive/unarchive archive/delete
    star/unstar link/unlink pair/unpair sync/unsync opt-in/opt-out optin/optout throw/catch
    head/tail prefix/suffix prepend/append parent/sibling ancestor/descendant scale/shrink
    vertical/horizontal whitelist/blacklist allowlist/denylist ingress/egress producer/consumer
    publisher/subscriber master/slave primary/secondary primary/replica leader/follower
    hot/warm eager/lazy strong/weak strict/loose verbose/quiet debug/release
    check-in/check-out checkin/checkout depart/return outbound/return departure/return
    one-way/round-trip refundable/nonrefundable direct/connecting window/aisle
    carry-on/checked economy/business economy/first rent/own lease/buy rent/buy
    sweet/sour sweet/salty raw/cooked fresh/frozen ripe/unripe whole/skim
    single/married single/double odd/even inner/outer upper/lower former/latter
    majority/minority guilty/innocent plaintiff/defendant prosecute/defend employer/contractor
    introvert/extrovert optimist/pessimist import/reexport hardware/software theirs/ours
    sunrise/sunset dawn/dusk noon/midnight am/pm entrance/exit arrival/boarding
"""

KINDS = """
    tier: basic premium standard gold silver platinum bronze plus pro enterprise starter business student
        personal corporate individual family junior senior preferred private retail free trial
        ultimate elite diamond lite advanced vip joint sole teen
    account: checking savings mortgage brokerage loan credit debit prepaid ira roth 401k hsa cd margin
        cash pension annuity heloc auto home renters tenant life disability
    order: stop-loss stop-limit market-order limit-order trailing bracket
    security: stock bond option future etf fund rsu espp warrant reit treasury commodity crypto
    tax: roth traditional pretax pre-tax aftertax after-tax posttax post-tax
    form: w-2 w2 w-4 w4 w-9 w9 1099 1040 1098
    fee: overdraft wire atm maintenance foreign late annual balance-transfer
    drug: aspirin ibuprofen acetaminophen paracetamol tylenol advil naproxen aleve warfarin metformin
        insulin lisinopril losartan atorvastatin simvastatin omeprazole amoxicillin penicillin
        azithromycin prednisone gabapentin sertraline fluoxetine zoloft prozac xanax valium adderall
        ritalin codeine morphine tramadol albuterol levothyroxine amlodipine metoprolol heparin
    vitamin: b12 d3 iron zinc calcium magnesium potassium
    disease: diabetes asthma cancer arthritis flu influenza cold covid pneumonia bronchitis hepatitis
        hiv tuberculosis malaria measles mumps chickenpox shingles anemia migraine stroke epilepsy
        depression anxiety adhd autism dementia alzheimer parkinson eczema psoriasis gout lupus
    organ: heart lung liver kidney stomach brain skin bone thyroid bladder pancreas spleen colon
        prostate ovary uterus eye ear nose throat knee hip shoulder ankle wrist elbow
    patient: adult child infant newborn toddler baby teenager pregnant elderly
    visit: checkup surgery vaccine vaccination mri ct xray x-ray ultrasound biopsy colonoscopy
    transfer: ach wire zelle venmo paypal sepa swift cheque check
    insurer: fdic sipc ncua medicare medicaid
    currency: usd eur gbp jpy chf cad aud cny inr btc eth dollar euro pound yen franc rupee peso yuan
        bitcoin ethereum won ruble krona
    weekday: monday tuesday wednesday thursday friday saturday sunday
    month: january february march april june july august september october november december
    season: spring summer autumn winter
    day: today tomorrow yesterday tonight
    span: second minute hour day week month year decade century
    unit: mile kilometer km meter metre centimeter inch foot feet yard gram kilogram kg pound ounce
        liter litre gallon celsius fahrenheit kelvin mb gb tb kb
    language: english spanish french german italian portuguese russian chinese japanese korean arabic
        hindi dutch swedish polish turkish greek latin hebrew
    system: windows linux mac macos android ios ubuntu debian fedora centos
    phone: iphone android samsung pixel ipad
    code: python java javascript typescript ruby php perl rust golang kotlin swift scala haskell bash
        sql html css matlab julia
    database: mysql postgres postgresql sqlite mongodb redis cassandra oracle dynamodb elasticsearch
        mariadb
    cloud: aws azure gcp
    format: json csv xml yaml pdf docx html markdown png jpeg jpg gif svg mp3 mp4 wav txt toml syslog
        parquet
    server: nginx apache tomcat iis caddy
    framework: django flask rails laravel spring express fastapi react angular vue svelte ember
    package: npm yarn pip conda brew apt yum maven gradle cargo
    browser: chrome firefox safari edge opera brave
    company: google microsoft apple amazon facebook meta netflix tesla twitter uber lyft airbnb spotify
        oracle intel nvidia amd ibm samsung sony
    office: excel powerpoint outlook
    verb: get post put patch delete
    cuisine: italian mexican chinese thai indian japanese korean french greek vietnamese
    vehicle: car truck motorcycle bicycle bike bus train plane boat van scooter
    subject: math mathematics physics chemistry biology history geography economics psychology
    degree: bachelor master phd mba doctorate associate diploma
    instrument: guitar piano violin drum flute trumpet cello saxophone
    planet: mercury venus earth mars jupiter saturn uranus neptune pluto moon
    ocean: atlantic pacific indian arctic
    city: london paris berlin madrid rome tokyo beijing delhi mumbai sydney toronto chicago boston
        seattle austin dallas houston miami atlanta denver phoenix york angeles francisco
    forge: github gitlab bitbucket
    colour: red green blue yellow black white orange purple pink brown grey gray
    sport: football soccer basketball baseball hockey tennis golf cricket rugby
    league: nba nfl mlb nhl fifa uefa
    kin: mother father brother sister son daughter wife husband uncle aunt cousin grandmother
        grandfather
    meal: breakfast lunch dinner
    animal: dog cat horse bird fish rabbit hamster
    country: usa uk us india china japan germany france spain italy canada mexico brazil russia
        australia
    contract: gym visa passport licence license
    channel: email sms slack phone fax
    seniority: first second third fourth fifth
"""

SYNONYMS = """
    buy purchase / begin start / big large / small little / fix repair solve resolve / error bug issue
    problem trouble / quick fast rapid / movie film / picture image photo / cost price fee charge /
    car automobile vehicle / job career work / doctor physician / phone mobile cellphone telephone /
    stop cancel / lose misplace / get obtain receive acquire / use utilize / show display / make create
    build / change modify edit update alter / delete remove erase / find locate search / need require /
    improve enhance boost / difference differ distinguish compare comparison versus vs / best top
    greatest / easy simple / hard difficult tough / important essential crucial / happen occur / learn
    study / method technique way approach / tip advice suggestion recommendation / explain describe /
    example sample instance / child kid / earn money income / begin newbie beginner novice / teach
    tutorial guide / company firm business / country nation / allow permit / shut close / hour hr /
    minute min / kilometer km kilometre / photo picture / limit cap maximum / frequent common / side
    adverse / reaction effect / show list view / setup configure configuration config / install setup /
    current now today / usa america us / uk britain
"""

ACTIONS = _words(
    """
    cancel stop lock block close shut dispute file increase raise transfer send pay move order buy
    sell delete freeze unfreeze withdraw deposit refund reserve unlock
    """
)
"""Imperatives that do something in the world when they open a request."""

TIMEBOUND = _words("now today tonight currently current latest yesterday tomorrow")

QUESTIONS = {
    word: kind
    for kind, words in {
        "what": "what which whats",
        "how": "how hows",
        "why": "why",
        "when": "when",
        "where": "where wheres",
        "who": "who whos whose",
    }.items()
    for word in words.split()
}
POLAR = _words("is are am was were do does did can could will would should has have may might")
