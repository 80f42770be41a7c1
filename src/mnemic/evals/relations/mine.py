"""Relations of what belongs to people: animals, things, locks, accounts."""

from .. import words as w
from .model import relation

MINE = (
    relation(
        "pet_name", "pet", w.nickname,
        """{s} is called {o}.
        {s}'s name is {o}.
        {s} goes by the name of {o}.
        {s} only comes when you shout {o}.""",
        """The name of {s} is
        {s} answers to the name
        {s} was given the name
        On the collar of {s} is written""",
        """What is {s} called?
        What is the name of {s}?
        What's {s}'s name?
        Which name does {s} answer to?""",
    ),
    relation(
        "pet_age", "pet", w.number(2, 19, "years"),
        """{s} is {o} old.
        {s} has lived for {o}.
        {s} has reached the age of {o}.
        The age of {s} is {o}.""",
        """{s}'s age is
        The vet says that {s} has an age of
        In the papers the age of {s} is given as
        {s} was born long ago and is now aged""",
        """How old is {s}?
        What is the age of {s}?
        What age is {s}?
        How many years old is {s}?""",
    ),
    relation(
        "pet_coat", "pet", w.breed_colour,
        """{s} is {o}.
        The coat of {s} is {o}.
        {s} is easy to spot, being {o}.
        In the photograph you can see that {s} is {o}.""",
        """{s} has a colouring that is
        The colour of {s} is
        To look at, {s} is
        The markings of {s} are""",
        """What colour is {s}?
        What does {s} look like?
        What is the colouring of {s}?
        Which colour does {s} have?""",
    ),
    relation(
        "pet_food", "pet", w.animal_food,
        """{s} loves to eat {o}.
        {s}'s favourite food is {o}.
        {s} begs for {o} all day.
        The treat for {s} is {o}.""",
        """{s} is fed with
        What {s} likes to eat best is
        The bowl of {s} is filled with
        {s} will do any trick for""",
        """What does {s} like to eat?
        What is {s}'s favourite food?
        What do you feed to {s}?
        Which treat does {s} love?""",
    ),
    relation(
        "pet_bed", "pet", w.spot,
        """{s} sleeps in {o}.
        {s} spends the night in {o}.
        {s} has a basket in {o}.
        At night you find {s} in {o}.""",
        """The place where {s} sleeps is
        {s} goes to bed in
        {s} curls up for the night in
        The sleeping place of {s} is""",
        """Where does {s} sleep?
        Where does {s} spend the night?
        In which place does {s} sleep?
        Where is the bed of {s}?""",
    ),
    relation(
        "vet", "pet", w.full_name,
        """{s}'s vet is {o}.
        {s} is treated by the vet {o}.
        When {s} is ill, the person to call is {o}.
        The vet {o} looks after {s}.""",
        """The vet of {s} is
        {s} gets vaccinations from
        {s} has an appointment at the practice of
        The veterinary surgeon who treats {s} is""",
        """Who is {s}'s vet?
        Which vet treats {s}?
        Who looks after {s} when it is ill?
        What is the name of {s}'s vet?""",
    ),
    relation(
        "thing_colour", "belonging", w.colour,
        """{s} is {o}.
        The colour of {s} is {o}.
        {s} has been painted {o}.
        {s} was bought in {o} because nothing else was left.""",
        """{s} comes in the colour
        {s} has the colour
        If you see {s}, you will notice that the colour is
        The shade of {s} is""",
        """What colour is {s}?
        What is the colour of {s}?
        Which colour does {s} have?
        In what colour was {s} bought?""",
    ),
    relation(
        "thing_place", "belonging", w.spot,
        """{s} is kept in {o}.
        {s} stands in {o}.
        You will find {s} in {o}.
        {s} has been put away in {o}.""",
        """The place where {s} is stored is
        {s} can be found in
        {s} is gathering dust in
        To fetch {s}, go to""",
        """Where is {s} kept?
        Where can I find {s}?
        In which place is {s} stored?
        Where has {s} been put?""",
    ),
    relation(
        "thing_price", "belonging", w.price,
        """{s} cost {o}.
        {s} was bought for {o}.
        The price paid for {s} was {o}.
        The receipt for {s} says {o}.""",
        """The cost of {s} was
        {s} had a price tag of
        The amount spent on {s} was
        {s} was purchased at a price of""",
        """How much did {s} cost?
        What was paid for {s}?
        What was the price of {s}?
        How much money was spent on {s}?""",
    ),
    relation(
        "thing_brand", "belonging", w.company,
        """{s} is made by {o}.
        {s} is a product of {o}.
        The brand of {s} is {o}.
        {s} carries the label of {o}.""",
        """{s} was manufactured by
        {s}'s maker is
        {s} comes from the company
        On {s} is printed the brand name""",
        """Which brand is {s}?
        Who made {s}?
        What is the brand of {s}?
        Which company manufactured {s}?""",
    ),
    relation(
        "thing_material", "belonging", w.material,
        """{s} is made of {o}.
        {s} consists mainly of {o}.
        {s} was built out of {o}.
        The material of {s} is {o}.""",
        """What {s} is made from is
        {s} was crafted from
        {s} is constructed of
        For {s} the makers used""",
        """What is {s} made of?
        What does {s} consist of?
        What material is {s}?
        Which material was used for {s}?""",
    ),
    relation(
        "thing_giver", "belonging", w.full_name,
        """{s} was a present from {o}.
        {s} was given by {o}.
        {s} is a gift that came from {o}.
        The generous {o} gave away {s} one Christmas.""",
        """The person who gave {s} is
        {s} was received from
        {s} was inherited from
        Thanks for {s} are due to""",
        """Who gave {s}?
        Who was {s} a present from?
        From whom did {s} come?
        Which person is to be thanked for {s}?""",
    ),
    relation(
        "lock_code", "lock", w.digits,
        """The code of {s} is {o}.
        {s} opens with the code {o}.
        To open {s}, enter {o}.
        The PIN for {s} is {o}.""",
        """{s} has the code
        {s} is opened by typing
        {s} is unlocked by the digits
        The combination for {s} is""",
        """What is the code of {s}?
        Which code opens {s}?
        What is the PIN for {s}?
        Which digits unlock {s}?""",
    ),
    relation(
        "lock_spare", "lock", w.full_name,
        """The spare key of {s} is with {o}.
        A second key of {s} was left with {o}.
        The second key to {s} is looked after by {o}.
        In an emergency the key to {s} can be had from {o}.""",
        """The spare key to {s} was handed to
        The person who keeps a spare key for {s} is
        If {s} is locked, the other key is held by
        The extra key of {s} has been entrusted to""",
        """Who has the spare key of {s}?
        Who keeps a second key to {s}?
        With whom is the spare key for {s}?
        Who holds the other key of {s}?""",
    ),
    relation(
        "lock_changed", "lock", w.date,
        """The code of {s} was last changed on {o}.
        {s} got a new code on {o}.
        {s} has had the present code since {o}.
        The last time anybody changed the code for {s} was {o}.""",
        """The date of the last code change for {s} is
        The code of {s} was replaced on
        {s} was given its present code on
        The most recent change of code on {s} was on""",
        """When was the code of {s} changed?
        Since when has {s} had a new code?
        On what date did {s} get its present code?
        When was the last code change for {s}?""",
    ),
    relation(
        "password", "account", w.password,
        """The password of {s} is {o}.
        {s} has the password {o}.
        To log in to {s}, type {o}.
        The passphrase for {s} is {o}.""",
        """The login secret of {s} is
        {s} is protected with the password
        {s} opens when you enter the password
        The password for {s} is""",
        """What is the password of {s}?
        Which password does {s} have?
        What password do I need for {s}?
        What do I type to log in to {s}?""",
    ),
    relation(
        "fee", "account", w.price,
        """{s} costs {o} a month.
        The monthly fee for {s} is {o}.
        Every month {o} is paid for {s}.
        The bill for {s} comes to {o} each month.""",
        """The price of {s} per month is
        Each month {s} costs
        The monthly charge for {s} is
        What {s} takes from the bank every month is""",
        """How much does {s} cost a month?
        What is the monthly fee for {s}?
        How much is paid for {s} each month?
        What does {s} cost per month?""",
    ),
    relation(
        "renewal", "account", w.date,
        """{s} renews on {o}.
        {s} has to be renewed by {o}.
        The renewal date of {s} is {o}.
        {s} expires on {o}.""",
        """The day on which {s} is renewed is
        {s} runs out on
        The expiry date of {s} is
        {s} remains valid until""",
        """When does {s} renew?
        When does {s} have to be renewed?
        What is the renewal date of {s}?
        When does {s} expire?""",
    ),
    relation(
        "customer_number", "account", w.number(100_000, 999_999),
        """The customer number of {s} is {o}.
        {s} is registered under number {o}.
        {s} runs under the reference {o}.
        When calling about {s}, quote the number {o}.""",
        """The customer number that belongs to {s} is
        {s} has the contract number
        The reference number for {s} is
        In their files {s} is number""",
        """What is the customer number of {s}?
        Under which number is {s} registered?
        What is the reference number of {s}?
        Which number do I quote for {s}?""",
    ),
)  # fmt: skip
