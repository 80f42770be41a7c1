"""Relations of companies, ships, books, devices and bands."""

from .. import words as w
from .model import relation

THINGS = (
    relation(
        "founder", "company", w.full_name,
        """{s} was founded by {o}.
        The founder of {s} is {o}.
        {s} goes back to {o}, who started it in a garage.
        {s} was started by {o}.""",
        """The person who founded {s} is
        {s} was set up by
        {s} was established by
        {s} owes its existence to""",
        """Who founded {s}?
        Who is the founder of {s}?
        Who started {s}?
        By whom was {s} set up?""",
    ),
    relation(
        "headquarters", "company", w.town,
        """{s} is based in {o}.
        The headquarters of {s} are in {o}.
        {s} has its head office in {o}.
        {s} runs its business from {o}.""",
        """{s} is headquartered in
        The head office of {s} is located in
        The main office of {s} is in
        The seat of {s} is""",
        """Where is {s} based?
        Where are the headquarters of {s}?
        In which town is {s} headquartered?
        Where is the head office of {s}?""",
    ),
    relation(
        "product", "company", w.product,
        """{s} makes {o}.
        {s} is a manufacturer of {o}.
        {s} sells {o} all over the world.
        The main product of {s} is {o}.""",
        """{s} produces
        What {s} makes is
        The factory of {s} turns out
        {s} earns its money with""",
        """What does {s} make?
        What is the main product of {s}?
        Which product does {s} sell?
        What does {s} manufacture?""",
    ),
    relation(
        "staff", "company", w.thousands,
        """{s} has {o} employees.
        {s} employs {o} people.
        The workforce of {s} is {o} strong.
        There are {o} people working at {s}.""",
        """The number of employees of {s} is
        The staff of {s} numbers
        The size of the workforce at {s} is
        The people on the payroll of {s} number""",
        """How many employees does {s} have?
        How many people work at {s}?
        How large is the workforce of {s}?
        How many people does {s} employ?""",
    ),
    relation(
        "chief", "company", w.full_name,
        """The chief executive of {s} is {o}.
        {s} is led by {o}.
        {s} named {o} as its new chief executive.
        At {s} the final decisions are taken by {o}.""",
        """{s}'s boss is
        The person at the top of {s} is
        {s} is managed by
        The CEO of {s} is""",
        """Who is the chief executive of {s}?
        Who leads {s}?
        Who is the CEO of {s}?
        Who is the boss of {s}?""",
    ),
    relation(
        "logo_colour", "company", w.colour,
        """The logo of {s} is {o}.
        {s} uses a logo in {o}.
        {s} prints its logo in {o}.
        The emblem of {s} is coloured {o}.""",
        """The colour of the logo of {s} is
        {s}'s logo has the colour
        The vans of {s} show a logo that is
        On its letters the emblem of {s} is""",
        """What colour is the logo of {s}?
        Which colour does the logo of {s} have?
        In what colour is {s}'s logo printed?
        What is the colour of {s}'s emblem?""",
    ),
    relation(
        "captain", "ship", w.full_name,
        """The captain of {s} is {o}.
        {s} is commanded by {o}.
        {s} sails under {o}.
        On the bridge of {s} stands Captain {o}.""",
        """{s}'s captain is
        The person in command of {s} is
        The crew of {s} takes orders from
        The commander of {s} is""",
        """Who is the captain of {s}?
        Who commands {s}?
        Under whose command does {s} sail?
        Who is in command of {s}?""",
    ),
    relation(
        "home_port", "ship", w.town,
        """The home port of {s} is {o}.
        {s} is registered in {o}.
        {s} returns each winter to its berth in {o}.
        {s} belongs to the port of {o}.""",
        """{s}'s home port is
        {s} has its home in the harbour of
        On the stern of {s} is painted the port name
        {s} is berthed in""",
        """What is the home port of {s}?
        In which port is {s} registered?
        Where is {s} berthed?
        Which port does {s} belong to?""",
    ),
    relation(
        "cargo", "ship", w.cargo,
        """{s} carries {o}.
        {s} is loaded with {o}.
        {s} left the harbour with a cargo of {o}.
        The hold of {s} is full of {o}.""",
        """The cargo of {s} is
        What {s} transports is
        The freight on board {s} consists of
        In the hold of {s} are tons of""",
        """What does {s} carry?
        What is the cargo of {s}?
        What is {s} loaded with?
        What is in the hold of {s}?""",
    ),
    relation(
        "launched", "ship", w.year,
        """{s} was launched in {o}.
        {s} first took to the water in {o}.
        The shipyard finished {s} in {o}.
        {s} has been at sea since {o}.""",
        """The year in which {s} was launched is
        {s} was built in
        The maiden voyage of {s} was in
        {s} left the shipyard in""",
        """When was {s} launched?
        In which year was {s} built?
        Since when has {s} been at sea?
        In what year did {s} leave the shipyard?""",
    ),
    relation(
        "hull", "ship", w.colour,
        """The hull of {s} is {o}.
        {s} has a hull painted {o}.
        The sailors painted the hull of {s} in {o}.
        {s} can be recognised by a hull of {o}.""",
        """The colour of the hull of {s} is
        {s}'s hull has been given a coat of
        From the shore the hull of {s} looks
        The paint on the hull of {s} is""",
        """What colour is the hull of {s}?
        Which colour does {s} have on its hull?
        In what colour is the hull of {s} painted?
        What is the hull colour of {s}?""",
    ),
    relation(
        "author", "book", w.full_name,
        """{s} was written by {o}.
        The author of {s} is {o}.
        {s} is the work of {o}.
        {s} came from the pen of {o}.""",
        """The person who wrote {s} is
        {s} is by
        The writer of {s} is
        The cover of {s} bears the name of""",
        """Who wrote {s}?
        Who is the author of {s}?
        By whom is {s}?
        Whose work is {s}?""",
    ),
    relation(
        "published", "book", w.year,
        """{s} was published in {o}.
        {s} appeared in {o}.
        The first edition of {s} came out in {o}.
        {s} has been in print since {o}.""",
        """The year of publication of {s} is
        {s} was first printed in
        {s} reached the bookshops in
        The publication date of {s} is""",
        """When was {s} published?
        In which year did {s} appear?
        When did the first edition of {s} come out?
        What is the year of publication of {s}?""",
    ),
    relation(
        "pages", "book", w.number(90, 1200, "pages"),
        """{s} has {o}.
        {s} is {o} long.
        {s} runs to {o}.
        {s} comes in a volume of {o}.""",
        """The length of {s} is
        {s} fills
        The number of pages in {s} is
        To finish {s} you must read""",
        """How many pages does {s} have?
        How long is {s}?
        What is the length of {s}?
        How many pages must I read to finish {s}?""",
    ),
    relation(
        "hero", "book", w.full_name,
        """The main character of {s} is {o}.
        {s} tells the story of {o}.
        {s} follows the adventures of {o}.
        In {s} everything turns around {o}.""",
        """The hero of {s} is
        The central figure in {s} is
        The leading part in {s} is that of
        {s} is about a person called""",
        """Who is the main character of {s}?
        Whose story does {s} tell?
        Who is the hero of {s}?
        Who is {s} about?""",
    ),
    relation(
        "setting", "book", w.town,
        """{s} is set in {o}.
        The story of {s} takes place in {o}.
        {s} plays in the streets of {o}.
        The events of {s} happen in {o}.""",
        """The setting of {s} is
        The scene of {s} is the town of
        The place where {s} is set is
        The plot of {s} unfolds in""",
        """Where is {s} set?
        In which town does {s} take place?
        What is the setting of {s}?
        Where does the story of {s} happen?""",
    ),
    relation(
        "maker", "device", w.company,
        """{s} is made by {o}.
        The maker of {s} is {o}.
        {s} was developed by {o}.
        {s} comes out of the workshops of {o}.""",
        """{s} is a product of
        The manufacturer of {s} is
        {s} was brought to market by
        The company that builds {s} is""",
        """Who makes {s}?
        Which company developed {s}?
        Who is the manufacturer of {s}?
        Which company builds {s}?""",
    ),
    relation(
        "device_price", "device", w.price,
        """{s} costs {o}.
        {s} sells for {o}.
        The list price of {s} is {o}.
        In the shops you pay {o} for {s}.""",
        """The price of {s} is
        {s} can be had for
        {s} is on sale at
        Anyone who wants {s} has to pay""",
        """How much does {s} cost?
        What is the price of {s}?
        How much do I pay for {s}?
        What does {s} sell for?""",
    ),
    relation(
        "battery", "device", w.number(3, 96, "hours"),
        """The battery of {s} lasts {o}.
        {s} runs {o} on one charge.
        A full charge keeps {s} going for {o}.
        {s} has to be plugged in after {o}.""",
        """The battery life of {s} is
        On a single charge {s} works for
        {s} has a battery that holds out for
        Without a socket {s} keeps running for""",
        """How long does the battery of {s} last?
        What is the battery life of {s}?
        How long does {s} run on one charge?
        After how long must {s} be charged?""",
    ),
    relation(
        "weight", "device", w.number(120, 9000, "grams"),
        """{s} weighs {o}.
        The weight of {s} is {o}.
        On the scales {s} shows {o}.
        {s} brings {o} to the scales.""",
        """{s} has a weight of
        The mass of {s} is
        The data sheet of {s} states a weight of
        If you lift {s}, you are lifting""",
        """How much does {s} weigh?
        What is the weight of {s}?
        How heavy is {s}?
        What weight does {s} have?""",
    ),
    relation(
        "casing", "device", w.material,
        """The casing of {s} is made of {o}.
        {s} has a body of {o}.
        {s} is housed in {o}.
        For the shell of {s} the designers chose {o}.""",
        """The material of the casing of {s} is
        {s} comes in a case of
        The outside of {s} consists of
        The shell of {s} is""",
        """What is the casing of {s} made of?
        Which material is the body of {s}?
        What is the shell of {s} made of?
        Which material did the designers of {s} choose?""",
    ),
    relation(
        "singer", "band", w.full_name,
        """The singer of {s} is {o}.
        {s} is fronted by {o}.
        {s} has {o} at the microphone.
        The voice of {s} is that of {o}.""",
        """{s}'s singer is
        The lead vocals of {s} are by
        The person who sings in {s} is
        The songs of {s} are sung by""",
        """Who is the singer of {s}?
        Who sings in {s}?
        Who is at the microphone in {s}?
        Whose voice is heard in {s}?""",
    ),
    relation(
        "album", "band", w.emblem,
        """The first album of {s} is called {o}.
        {s} made its debut with the record {o}.
        {s} became famous with the album {o}.
        The album that started the career of {s} is {o}.""",
        """The debut album of {s} is
        {s}'s first record bears the title
        The best-selling record by {s} is
        The title of the debut by {s} is""",
        """What is the first album of {s} called?
        What is the title of the debut album of {s}?
        With which album did {s} become famous?
        Which album started the career of {s}?""",
    ),
    relation(
        "music", "band", w.genre,
        """{s} plays {o}.
        The style of {s} is {o}.
        {s} is a band that plays nothing but {o}.
        The music of {s} is best described as {o}.""",
        """The genre of {s} is
        {s} performs
        What {s} plays on stage is
        {s} is known for performing""",
        """What kind of music does {s} play?
        Which genre does {s} perform?
        What is the style of {s}?
        What genre is {s}?""",
    ),
    relation(
        "band_home", "band", w.town,
        """{s} comes from {o}.
        The home town of {s} is {o}.
        {s} formed at a school in {o}.
        The members of {s} all grew up in {o}.""",
        """{s} was formed in
        The place {s} hails from is
        {s} had its first rehearsals in
        The town that {s} calls home is""",
        """Where does {s} come from?
        What is the home town of {s}?
        In which town was {s} formed?
        Where did the members of {s} grow up?""",
    ),
)  # fmt: skip
