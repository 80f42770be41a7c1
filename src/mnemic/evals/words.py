"""Pools and makers of invented names, values and objects for the generator. Every maker takes a seeded `random.Random`."""

from collections.abc import Callable
from random import Random

Maker = Callable[[Random], str]


def _phrases(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(","))


_FIRST = """
    Alba Anselm Ardith Basil Beatrix Benno Bertil Calla Caspian Cedany Corin Dagny Darien Delphine Dorrit Eamon Edda Elowen
    Emeric Esme Fabian Fenna Florian Frida Garrick Gemma Greta Gwilym Hadley Hanno Hedda Hollis Ignace Ilka Imogen Ivo Jarek
    Jessamy Jorun Juniper Kasimir Katla Kerensa Kilian Lavinia Leopold Linnea Lorcan Maelle Magnar Marisol Merrick Mireille
    Nadia Nerys Nils Odalie Olwen Orson Petra Philippa Quentin Rafe Ragna Rowan Sabra Selwyn Signy Soren Tamsin Teodor Thora
    Tobin Ulla Valko Verity Vesper Wendel Wilhelmina Xanthe Yara Yorick Zelda Zora
""".split()
_SUR_A = """
    Ash Bel Bran Cald Corv Dray Eld Fal Garr Hal Holl Ing Jarn Kest Lor Marl Nor Oak Pell Quar Rav Sel Tarn Thorn Ul Van Wex
    Yar Zel
""".split()
_SUR_B = """
    berg bourne combe dale feld gren hurst ington ley lund mere more nard quist rick row stead ström thwaite ton vane well
    worth wyn
""".split()
_TOWN_A = """
    Aven Brack Cair Dun Ester Fenn Glas Harrow Ivel Kel Lach Mor Nether Oster Pen Quill Rook Sald Tarra Umber Veld Wick Yew
    Zand
""".split()
_TOWN_B = """
    brook bury bridge by cliff den fell ford gate ham haven holm marsh minster moor mouth port shaw stow vale wick wold
""".split()
_CORP_A = """
    Aero Bright Cobalt Delta Ever Flint Gran Helio Iron Jun Kine Luma Mono Nova Octo Pyra Quanta River Sol Terra Ursa Vanta
    Wave Zephy
""".split()
_CORP_B = """
    bolt byte core crest dyne field forge grid line loom mark mill nexa path point pulse rix span stone tek tide ware works
    yard
""".split()
_CORP_C = ("Ltd", "Group", "Industries", "Partners", "& Sons", "Labs", "Foods", "Logistics", "Instruments", "Textiles")
_ADJ = """
    Amber Ancient Black Blue Bold Broken Bronze Burning Copper Crimson Crooked Dancing Distant Drowsy Emerald Faithful
    Fallen Frozen Gentle Gilded Golden Green Grey Hidden Hollow Hungry Idle Iron Ivory Laughing Little Lonely Lucky Marble
    Merry Midnight Noble Old Painted Pale Patient Proud Quiet Red Restless Rusty Sacred Scarlet Secret Silent Silver Singing
    Sleepy Stubborn Tall Velvet Wandering White Wild Winter Wooden
""".split()
_NOUN = """
    Acorn Anchor Badger Barrel Beacon Bell Candle Carpenter Clock Compass Crane Crown Dolphin Falcon Feather Fiddle Fox
    Garden Gull Hare Harp Heron Hound Island Kettle Lantern Lark Lighthouse Lion Magpie Maple Mermaid Mill Moon Oak Orchard
    Otter Owl Pelican Pilgrim Pine Plough Raven River Rose Saddle Sailor Sparrow Spoon Stag Star Swallow Swan Thistle Tiger
    Traveller Tulip Turtle Violet Walnut Weaver Whale Willow Windmill Wolf
""".split()
_NICK = """
    Biscuit Button Caramel Chestnut Clover Comet Cookie Dumpling Fidget Figaro Ginger Hazel Inky Jellybean Kipper Latte
    Maple Marble Mittens Mocha Muffin Noodle Nugget Olive Paprika Peanut Pepper Pickle Pippin Pixel Pogo Pudding Pumpkin
    Quince Radish Ripple Rusty Saffron Scout Socks Sprout Taffy Teasel Toffee Truffle Tugboat Waffle Whiskers Wobble Ziggy
""".split()
_THING = """
    armchair backpack bicycle camera canoe cello coat desk drone easel fridge guitar headphones helmet kayak kettle laptop
    mandolin microscope motorbike mower oven piano printer raincoat scooter sofa stroller suitcase telescope tent toolbox
    tractor trumpet typewriter umbrella van violin wardrobe watch
""".split()
_LOCK = _phrases(
    """
    bank card, bike lock, front door, garage, garden gate, gym locker, mailbox, office safe, phone, safe, shed, storage
    unit, suitcase lock, tablet, wine cellar
"""
)
_ACCOUNT = _phrases(
    """
    cloud account, cinema pass, electricity contract, email account, gym membership, home wifi, insurance account, internet
    contract, library account, music subscription, newspaper subscription, parking permit, photo account, router, streaming
    account, tax account, travel account
"""
)
_PET = "dog cat parrot rabbit hamster pony tortoise goldfish goat ferret donkey canary".split()
_KIN = (
    "my sister", "my brother", "my mother", "my father", "my aunt", "my uncle", "my cousin", "my grandmother", "my grandfather",
    "my niece", "my nephew", "my boss", "my landlord", "my neighbour", "my roommate", "my flatmate", "my piano teacher",
    "my oldest friend", "our babysitter", "our gardener", "our plumber", "my dentist", "my accountant", "my stepsister",
    "my godfather", "my partner", "our new intern", "my son", "my daughter", "my tennis coach",
)  # fmt: skip
_HOST = """
    atlas bishop cobra dune ember fable gecko harbor iris juno kite lynx mango nimbus otter pixel quartz raven sigma tango umbra
    vega wasp yeti
""".split()
_DISH_A = (
    "Baked",
    "Braised",
    "Cold",
    "Country",
    "Creamed",
    "Fiery",
    "Harvest",
    "Smoked",
    "Sunday",
    "Sweet",
    "Three-Day",
    "Winter",
)
_DISH_B = (
    "barley",
    "bean",
    "beetroot",
    "cabbage",
    "chestnut",
    "fennel",
    "herring",
    "leek",
    "lentil",
    "mushroom",
    "onion",
    "pear",
)
_DISH_C = ("bake", "broth", "dumplings", "fritters", "hotpot", "pancakes", "pie", "pudding", "salad", "soup", "stew", "tart")


def pick(*options: str) -> Maker:
    """Return a maker that chooses one of the options."""
    return lambda rng: rng.choice(options)


def words(text: str) -> Maker:
    """Return a maker that chooses one of the comma-separated phrases."""
    return pick(*_phrases(text))


def surname(rng: Random) -> str:
    """Return an invented family name."""
    return rng.choice(_SUR_A) + rng.choice(_SUR_B)


def full_name(rng: Random) -> str:
    """Return an invented full name."""
    return f"{rng.choice(_FIRST)} {surname(rng)}"


def person(rng: Random) -> str:
    """Return a person as people speak of them: mostly a full name, else "my friend Edda" or "my sister"."""
    draw = rng.random()
    if draw < 0.75:
        return full_name(rng)
    if draw < 0.9:
        return f"{rng.choice(('my friend', 'my colleague', 'our neighbour', 'my cousin'))} {rng.choice(_FIRST)}"
    return rng.choice(_KIN)


def owner(rng: Random) -> str:
    """Return a possessive: "my", "my sister's" or "Edda's"."""
    draw = rng.random()
    if draw < 0.15:
        return "my"
    if draw < 0.55:
        return f"{rng.choice(_KIN)}'s"
    if draw < 0.75:
        return f"my friend {rng.choice(_FIRST)}'s"
    return f"{full_name(rng)}'s"


def town(rng: Random) -> str:
    """Return an invented town."""
    name = rng.choice(_TOWN_A) + rng.choice(_TOWN_B)
    draw = rng.random()
    if draw < 0.6:
        return name
    if draw < 0.8:
        return f"{rng.choice(('Upper', 'Lower', 'Great', 'Little', 'Old', 'New', 'East', 'West', 'Saint'))} {name}"
    return f"{name}-{rng.choice(('on', 'under', 'by'))}-{rng.choice(_SUR_A + _TOWN_A)}"


def street(rng: Random) -> str:
    """Return an invented street."""
    return f"{rng.choice(_ADJ + _NOUN)} {rng.choice(('Street', 'Lane', 'Road', 'Avenue', 'Row', 'Square', 'Hill'))}"


def company(rng: Random) -> str:
    """Return an invented company."""
    name = rng.choice(_CORP_A) + rng.choice(_CORP_B)
    return name if rng.random() < 0.4 else f"{name} {rng.choice(_CORP_C)}"


def emblem(rng: Random) -> str:
    """Return an adjective and a noun with capitals: ships, inns, bands and albums are called so."""
    return f"{rng.choice(_ADJ)} {rng.choice(_NOUN)}"


def the_emblem(rng: Random) -> str:
    """Return an emblem with its article."""
    return f"the {emblem(rng)}"


def ship(rng: Random) -> str:
    """Return an invented ship."""
    return f"the {rng.choice(('ship', 'ferry', 'schooner', 'trawler', 'freighter', 'yacht'))} {emblem(rng)}"


def book(rng: Random) -> str:
    """Return an invented book."""
    return f'the {rng.choice(("novel", "book", "memoir", "thriller"))} "The {emblem(rng)} of {town(rng)}"'


def inn(rng: Random) -> str:
    """Return an invented restaurant."""
    return f"the {rng.choice(('restaurant', 'café', 'bistro', 'bakery', 'tea room', 'pub'))} {emblem(rng)}"


def museum(rng: Random) -> str:
    """Return an invented museum or library."""
    return f"the {town(rng)} {rng.choice(('Museum', 'Library', 'Gallery', 'Aquarium', 'Observatory', 'Botanical Garden'))}"


def device(rng: Random) -> str:
    """Return an invented product with a model number."""
    name = rng.choice(_CORP_A) + rng.choice(_CORP_B)
    return f"the {name} {rng.choice('ABCEGKMPRTVXZ')}{rng.randrange(2, 99)}"


def band(rng: Random) -> str:
    """Return an invented band."""
    return f"the band {rng.choice(_ADJ)} {rng.choice(_NOUN)}s"


def world(rng: Random) -> str:
    """Return an invented planet or moon."""
    name = rng.choice(
        ("Ar", "Bel", "Cy", "Dra", "El", "Ga", "Hy", "Io", "Ka", "Lu", "My", "Or", "Qua", "Ri", "Sy", "Ty", "Ve", "Xe")
    )
    tail = rng.choice(("dara", "lion", "mede", "nara", "phos", "quen", "rion", "sheth", "tane", "thea", "vane", "xis", "zar"))
    return f"the {rng.choice(('planet', 'moon', 'asteroid'))} {name}{tail}{rng.choice(('', ' II', ' IV', ' Minor', ' Prime'))}"


def festival(rng: Random) -> str:
    """Return an invented festival."""
    kind = rng.choice(("Lantern", "Cheese", "Kite", "Jazz", "Harvest", "Film", "Poetry", "Ice", "Pumpkin", "Boat"))
    return f"the {town(rng)} {kind} Festival"


def service(rng: Random) -> str:
    """Return an invented server or program."""
    first = rng.choice(_HOST)
    kind = rng.choice(("server", "service", "daemon", "gateway", "scheduler", "database", "queue"))
    return f"the {first}-{rng.randrange(1, 40)} {kind}"


def project(rng: Random) -> str:
    """Return an invented project."""
    return f"the {emblem(rng)} project"


def castle(rng: Random) -> str:
    """Return an invented house or castle."""
    return f"{town(rng)} {rng.choice(('Castle', 'Manor', 'Hall', 'Abbey', 'House', 'Tower'))}"


def dish(rng: Random) -> str:
    """Return an invented dish."""
    return f"{rng.choice(_DISH_A).lower()} {rng.choice(_DISH_B)} {rng.choice(_DISH_C)}"


def recipe(rng: Random) -> str:
    """Return somebody's dish."""
    return f"{full_name(rng)}'s {rng.choice(_DISH_B)} {rng.choice(_DISH_C)}"


def pet(rng: Random) -> str:
    """Return somebody's animal."""
    return f"{owner(rng)} {rng.choice(_PET)}"


def belonging(rng: Random) -> str:
    """Return somebody's thing."""
    return f"{owner(rng)} {rng.choice(_THING)}"


def lock(rng: Random) -> str:
    """Return something of somebody's that opens with a code."""
    return f"{owner(rng)} {rng.choice(_LOCK)}"


def account(rng: Random) -> str:
    """Return somebody's account or contract."""
    return f"{owner(rng)} {rng.choice(_ACCOUNT)}"


def nickname(rng: Random) -> str:
    """Return a pet's name."""
    return rng.choice(_NICK)


def date(rng: Random) -> str:
    """Return a day of the year."""
    return f"{rng.randrange(1, 29)} {month(rng)}"


def year(rng: Random) -> str:
    """Return a year between 1602 and 2023."""
    return str(rng.randrange(1602, 2024))


def clock(rng: Random) -> str:
    """Return a time of day."""
    return f"{rng.randrange(1, 13)}:{rng.choice(('00', '15', '30', '45'))} {rng.choice(('am', 'pm'))}"


def hours(rng: Random) -> str:
    """Return opening hours."""
    return f"{rng.randrange(6, 12)} am to {rng.randrange(2, 11)} pm"


def price(rng: Random) -> str:
    """Return a price."""
    amount = rng.choice((rng.randrange(2, 100), rng.randrange(100, 2000)))
    return rng.choice((f"{amount} euros", f"{amount} dollars", f"{amount} pounds", f"${amount}"))


def number(low: int, high: int, unit: str = "") -> Maker:
    """Return a maker of whole numbers in [low, high), with a unit."""
    return lambda rng: f"{rng.randrange(low, high)}{' ' + unit if unit else ''}"


def thousands(rng: Random) -> str:
    """Return a number with a thousands separator."""
    return f"{rng.randrange(1_000, 900_000):,}"


def digits(rng: Random) -> str:
    """Return a code of four to six digits."""
    return "".join(rng.choice("0123456789") for _ in range(rng.choice((4, 4, 5, 6))))


def password(rng: Random) -> str:
    """Return a password."""
    return f"{rng.choice(_NICK).lower()}{rng.choice('-_!.')}{rng.choice(_NOUN).lower()}{rng.randrange(10, 999)}"


def phone(rng: Random) -> str:
    """Return a short telephone number."""
    return f"555-{rng.randrange(1000, 9999)}"


colour = words(
    """
    amber, beige, burgundy, charcoal, coral, cream, crimson, cyan, dark green, emerald, gold, grey, indigo, ivory, lavender,
    lilac, lime green, magenta, maroon, mint, mustard, navy blue, ochre, olive, orange, peach, pink, plum, purple, rust red,
    salmon, scarlet, sky blue, tan, teal, turquoise, violet, white, yellow
"""
)
material = words(
    """
    aluminium, bamboo, basalt, brass, bronze, carbon fibre, cedar wood, ceramic, copper, cork, glass, granite, leather,
    limestone, linen, marble, nylon, oak, pine, plastic, recycled paper, rubber, sandstone, slate, steel, titanium, walnut
    wood, wool
"""
)
stone = words(
    """
    basalt, black slate, blue granite, chalk, flint, green marble, grey sandstone, limestone, pink granite, red brick, white
    marble
"""
)
language = words(
    """
    Basque, Breton, Catalan, Croatian, Danish, Dutch, Estonian, Finnish, Georgian, Greek, Hungarian, Icelandic, Irish,
    Latvian, Maltese, Mongolian, Norwegian, Polish, Romanian, Slovene, Swahili, Swedish, Tamil, Turkish, Vietnamese, Welsh
"""
)
instrument = words(
    """
    accordion, banjo, bassoon, cello, clarinet, double bass, flute, harp, harpsichord, mandolin, oboe, piano, saxophone,
    sitar, trombone, trumpet, tuba, ukulele, viola, violin
"""
)
occupation = words(
    """
    baker, beekeeper, blacksmith, bookbinder, bus driver, carpenter, chemist, clockmaker, dentist, fishmonger, florist,
    gardener, geologist, glass blower, lawyer, librarian, locksmith, midwife, nurse, pharmacist, pilot, plumber, potter,
    roofer, shepherd, surgeon, surveyor, tailor, translator, vet, watchmaker, welder
"""
)
food = words(
    """
    apricot tart, bean soup, cheese toast, cherry pie, chicken curry, coconut rice, dumplings, fish stew, fried plantain,
    garlic noodles, gnocchi, goulash, grilled aubergine, lasagne, lemon cake, mango salad, moussaka, mushroom risotto, onion
    soup, pad thai, pancakes, pea soup, pierogi, potato salad, ramen, ratatouille, roast duck, shepherd's pie, stuffed
    peppers, tacos
"""
)
drink = words(
    """
    apple juice, barley tea, black coffee, buttermilk, camomile tea, cherry cola, cider, cocoa, elderflower cordial, ginger
    ale, green tea, iced coffee, jasmine tea, lemonade, mint tea, oat milk, peppermint tea, plum wine, tomato juice, tonic
    water
"""
)
allergen = words(
    """
    almonds, bee stings, cashews, cat hair, celery, eggs, feathers, gluten, grass pollen, hazelnuts, house dust, kiwi fruit,
    latex, lupin, milk, mustard, nickel, peanuts, penicillin, sesame, shellfish, soya, strawberries, walnuts
"""
)
hobby = words(
    """
    archery, baking bread, bird watching, calligraphy, chess, fencing, fly fishing, juggling, kite surfing, knitting, model
    trains, origami, orienteering, paragliding, pottery, restoring clocks, rock climbing, rowing, salsa dancing, star
    gazing, stamp collecting, wood carving
"""
)
fear = words(
    """
    balloons, bats, clowns, dark water, deep snow, dogs, elevators, flying, ghosts, heights, lightning, moths, needles, open
    spaces, snakes, spiders, thunder, tunnels, wasps
"""
)
vehicle = words(
    """
    a black hearse, a blue pickup truck, a camper van, a cargo bike, a green minibus, a grey estate car, a hand-built
    tricycle, a milk float, a moped, a red convertible, a rusty jeep, a silver hatchback, a tandem, a white delivery van, a
    yellow taxi, an electric scooter, an old fire engine, an orange tractor
"""
)
product = words(
    """
    bicycle bells, bird feeders, brass taps, camping stoves, candles, ceramic tiles, chess clocks, drill bits, envelopes,
    fishing nets, fountain pens, garden gnomes, glass jars, hearing aids, ice skates, lawn mowers, lift doors, mirrors, oat
    biscuits, paper lanterns, piano strings, raincoats, rubber boots, snow ploughs, solar lamps, tea kettles, umbrellas,
    weather balloons, wooden toys, zips
"""
)
cargo = words(
    """
    bananas, bricks, cement, cinnamon, coal, coffee beans, copper ore, cotton, frozen fish, grain, live sheep, marble, olive
    oil, oranges, paper, rice, salt, scrap iron, sugar, tea, timber, used cars, wool
"""
)
weekday = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
month = words("January, February, March, April, May, June, July, August, September, October, November, December")
genre = words(
    """
    bebop, bluegrass, bossa nova, chamber pop, country, delta blues, disco, dream pop, flamenco, folk rock, gospel, grunge,
    heavy metal, klezmer, polka, reggae, ska, soul, surf rock, swing, synth pop, tango, trip hop
"""
)
animal_food = words(
    """
    apples, boiled eggs, carrots, cheese rinds, chicken hearts, cucumber, dandelions, dried fish, hay, liver, mealworms,
    oats, pumpkin seeds, salmon, sardines, sunflower seeds, tuna, watermelon
"""
)
spot = words(
    """
    the attic, the back porch, the basement, the boiler room, the conservatory, the corridor, the garage, the garden shed,
    the guest room, the hall cupboard, the hayloft, the laundry room, the pantry, the spare bedroom, the tool shed, the
    utility room
"""
)
exhibit = words(
    """
    a bronze horse, a clockwork swan, a dinosaur egg, a giant squid, a golden mask, a jade crown, a meteorite, a mummified
    crocodile, a painted harpsichord, a samurai helmet, a silver chess set, a stone calendar, a two-headed coin, a whale
    skeleton, a wooden submarine
"""
)
code_language = words(
    """
    Ada, C, Clojure, COBOL, Dart, Elixir, Erlang, Fortran, Go, Haskell, Java, Julia, Kotlin, Lua, OCaml, Perl, PHP, Python,
    Ruby, Rust, Scala, Swift, TypeScript, Zig
"""
)
spice = words(
    """
    allspice, aniseed, bay leaf, black pepper, caraway, cardamom, cinnamon, cloves, coriander, cumin, dill, fennel seed,
    ginger, juniper, marjoram, nutmeg, paprika, rosemary, saffron, sage, star anise, tarragon, thyme, turmeric
"""
)
blood = words("A positive, A negative, B positive, B negative, AB positive, AB negative, O positive, O negative")
commute = words(
    """
    bicycle, boat, bus, cable car, ferry, kick scooter, metro, moped, night train, rowing boat, skateboard, train, tram
"""
)
breed_colour = words(
    """
    black and white, brown with white paws, cream with black ears, ginger, grey with a white belly, jet black, pale gold,
    reddish brown, sandy, silver grey, snow white, speckled, striped, tortoiseshell
"""
)
room = words(
    """
    the Aspen Room, the Birch Room, the Cedar Room, the Dome Room, the Glass Room, the Harbour Room, the Ivy Room, the
    Juniper Room, the Library Room, the North Room, the Oval Room, the Pine Room, the River Room, the Tower Room
"""
)
