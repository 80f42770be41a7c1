"""Relations of towns, inns, museums, castles, festivals and worlds."""

from .. import words as w
from .model import relation

PLACES = (
    relation(
        "mayor", "town", w.full_name,
        """The mayor of {s} is {o}.
        {s} elected {o} as its mayor.
        The town hall of {s} is run by {o}.
        {s} has a mayor named {o}.""",
        """{s}'s mayor is
        The person elected mayor of {s} is
        The head of the town council in {s} is
        {s} is governed by""",
        """Who is the mayor of {s}?
        Who was elected mayor in {s}?
        Who runs the town hall of {s}?
        What is the name of {s}'s mayor?""",
    ),
    relation(
        "population", "town", w.thousands,
        """{s} has {o} inhabitants.
        The population of {s} is {o}.
        At the last census {s} counted {o} people.
        {s} is home to {o} people.""",
        """The number of inhabitants of {s} is
        The number of people living in {s} is
        {s} has a population of
        The town of {s} is inhabited by""",
        """How many people live in {s}?
        What is the population of {s}?
        How many inhabitants does {s} have?
        How big is the population of {s}?""",
    ),
    relation(
        "town_dish", "town", w.dish,
        """{s} is famous for its {o}.
        The local speciality of {s} is {o}.
        In {s} every tavern serves {o}.
        People travel to {s} to eat {o}.""",
        """The traditional dish of {s} is
        {s}'s best-known food is
        Cooks in {s} are proud of their
        The typical meal in {s} is""",
        """What is the local speciality of {s}?
        Which dish is {s} famous for?
        What do people eat in {s}?
        What is the traditional dish of {s}?""",
    ),
    relation(
        "market_day", "town", w.weekday,
        """The market in {s} is held every {o}.
        {s} has its market day on {o}.
        Farmers bring their goods to {s} each {o}.
        Market day in {s} is {o}.""",
        """The weekly market of {s} takes place on
        In {s} the stalls go up every
        The day of the market in {s} is
        You can buy fresh vegetables on the square of {s} each""",
        """On which day is the market in {s}?
        When is market day in {s}?
        Which day of the week is the market of {s} held?
        When do the farmers come to {s}?""",
    ),
    relation(
        "twin_town", "town", w.town,
        """{s} is twinned with {o}.
        The twin town of {s} is {o}.
        {s} has signed a friendship treaty with {o}.
        The sign at the entrance of {s} names its partner town {o}.""",
        """{s} has a town partnership with
        The sister city of {s} is
        {s}'s partner town is
        Every summer pupils from {s} visit their twin town""",
        """What is the twin town of {s}?
        Which town is {s} twinned with?
        What is the sister city of {s}?
        With which town does {s} have a partnership?""",
    ),
    relation(
        "town_founded", "town", w.year,
        """{s} was founded in {o}.
        The town of {s} was first settled in {o}.
        {s} received its charter in {o}.
        The founding year of {s} is {o}.""",
        """The year in which {s} was founded is
        {s} came into being in
        {s} has existed since
        The history of {s} begins in""",
        """When was {s} founded?
        In which year was {s} founded?
        How long has {s} existed?
        What is the founding year of {s}?""",
    ),
    relation(
        "opening_time", "inn", w.clock,
        """{s} opens at {o}.
        {s} unlocks its doors at {o}.
        You can get a table at {s} from {o} on.
        The first guests are let into {s} at {o}.""",
        """The opening time of {s} is
        {s} starts serving at
        The doors of {s} open at
        You can go and eat at {s} from""",
        """When does {s} open?
        At what time does {s} open?
        From what time on is {s} open?
        What is the opening time of {s}?""",
    ),
    relation(
        "closed_on", "inn", w.weekday,
        """{s} is closed on {o}.
        {s} has its day of rest on {o}.
        You can't eat at {s} on a {o}.
        The day {s} stays shut is {o}.""",
        """The closing day of {s} is
        {s} doesn't open on
        The staff of {s} have their day off on
        {s} serves no guests on""",
        """On which day is {s} closed?
        When is {s} closed?
        What is the closing day of {s}?
        Which day of the week does {s} not open?""",
    ),
    relation(
        "chef", "inn", w.full_name,
        """The chef of {s} is {o}.
        The kitchen of {s} is led by {o}.
        {s} has hired {o} as head cook.
        At {s} the cooking is done by {o}.""",
        """{s}'s chef is
        The person in charge of the kitchen at {s} is
        The meals at {s} are prepared by
        The head cook of {s} is""",
        """Who is the chef of {s}?
        Who cooks at {s}?
        Who leads the kitchen of {s}?
        What is the name of {s}'s chef?""",
    ),
    relation(
        "signature_dish", "inn", w.dish,
        """The signature dish of {s} is {o}.
        {s} is known for its {o}.
        What you must order at {s} is {o}.
        The menu of {s} is built around {o}.""",
        """The speciality of {s} is
        The most popular dish at {s} is
        Everybody goes to {s} for the
        {s} serves a famous""",
        """What is the signature dish of {s}?
        What should I order at {s}?
        Which dish is {s} known for?
        What is the speciality of {s}?""",
    ),
    relation(
        "inn_street", "inn", w.street,
        """{s} is in {o}.
        You find {s} in {o}.
        The address of {s} is in {o}.
        {s} has moved to {o}.""",
        """The street where {s} stands is
        To get to {s}, turn into
        {s} is located in
        {s} welcomes its guests in""",
        """Where is {s}?
        In which street is {s}?
        What is the address of {s}?
        Which street do I go to for {s}?""",
    ),
    relation(
        "lunch_price", "inn", w.price,
        """Lunch at {s} costs {o}.
        {s} charges {o} for lunch.
        For the set lunch {s} asks {o}.
        The lunch menu of {s} is priced at {o}.""",
        """The price of lunch at {s} is
        The midday meal at {s} costs
        A lunch at {s} comes to
        At noon you eat at {s} for""",
        """How much is lunch at {s}?
        What does lunch at {s} cost?
        What is the price of the lunch menu at {s}?
        How much does {s} charge for lunch?""",
    ),
    relation(
        "museum_hours", "museum", w.hours,
        """{s} is open from {o}.
        The opening hours of {s} are {o}.
        Visitors are admitted to {s} from {o}.
        {s} receives the public daily from {o}.""",
        """The hours of {s} are
        {s} can be visited from
        {s} welcomes visitors from
        {s}'s opening hours are""",
        """What are the opening hours of {s}?
        When is {s} open?
        At what times can I visit {s}?
        From when to when is {s} open?""",
    ),
    relation(
        "entry_fee", "museum", w.price,
        """A ticket for {s} costs {o}.
        The entry fee of {s} is {o}.
        {s} charges {o} for admission.
        To get into {s} you pay {o}.""",
        """Admission to {s} is
        The price of a visit to {s} is
        The ticket price of {s} is
        Entry to {s} costs""",
        """How much is a ticket for {s}?
        What is the entry fee of {s}?
        How much does {s} charge for admission?
        What does it cost to get into {s}?""",
    ),
    relation(
        "director", "museum", w.full_name,
        """The director of {s} is {o}.
        {s} is directed by {o}.
        {s} appointed {o} as its director.
        At the head of {s} stands {o}.""",
        """{s}'s director is
        The person who leads {s} is
        The management of {s} is in the hands of
        The new director in charge of {s} is""",
        """Who is the director of {s}?
        Who directs {s}?
        Who is at the head of {s}?
        What is the name of the director of {s}?""",
    ),
    relation(
        "exhibit", "museum", w.exhibit,
        """The main attraction of {s} is {o}.
        {s} is known for {o}.
        In the entrance hall of {s} you see {o}.
        The pride of {s} is {o}.""",
        """The most famous exhibit of {s} is
        The treasure that {s} shows is
        Crowds come to {s} to look at
        The best-known object in {s} is""",
        """What is the main attraction of {s}?
        What is {s} known for?
        Which famous object can be seen in {s}?
        What is the most famous exhibit of {s}?""",
    ),
    relation(
        "castle_owner", "castle", w.full_name,
        """{s} belongs to {o}.
        The owner of {s} is {o}.
        {s} was sold to {o}.
        {s} is the property of {o}.""",
        """{s} is owned by
        The present proprietor of {s} is
        The deeds of {s} are in the name of
        {s} has passed into the hands of""",
        """Who owns {s}?
        Who is the owner of {s}?
        To whom does {s} belong?
        Who was {s} sold to?""",
    ),
    relation(
        "castle_stone", "castle", w.stone,
        """{s} is built of {o}.
        The walls of {s} are of {o}.
        {s} was put up with {o}.
        The masons of {s} used {o}.""",
        """The building material of {s} is
        {s} was constructed from
        {s} has walls made of
        The stone used for {s} is""",
        """What is {s} built of?
        What are the walls of {s} made of?
        Which stone was used for {s}?
        What is the building material of {s}?""",
    ),
    relation(
        "castle_rooms", "castle", w.number(14, 320),
        """{s} has {o} rooms.
        The number of rooms in {s} is {o}.
        Inside {s} there are {o} rooms.
        The cleaners of {s} have to do {o} rooms.""",
        """The count of rooms in {s} is
        The rooms in {s} number
        {s} is so large that its rooms add up to
        In total the rooms of {s} are""",
        """How many rooms does {s} have?
        How many rooms are there in {s}?
        What is the number of rooms in {s}?
        How many rooms can be counted in {s}?""",
    ),
    relation(
        "castle_ghost", "castle", w.full_name,
        """{s} is haunted by {o}.
        The ghost of {s} is called {o}.
        At midnight {o} walks the corridors of {s}.
        Servants of {s} swear that they saw the ghost of {o}.""",
        """The ghost that walks in {s} is that of
        {s}'s ghost is
        The spirit that haunts {s} is
        Visitors to {s} fear the ghost named""",
        """Who haunts {s}?
        What is the name of the ghost of {s}?
        Which ghost walks in {s}?
        Whose ghost is said to live in {s}?""",
    ),
    relation(
        "festival_month", "festival", w.month,
        """{s} is held in {o}.
        {s} takes place every {o}.
        The season of {s} is {o}.
        People look forward to {s} in {o}.""",
        """The month of {s} is
        {s} is celebrated in
        {s} is on the calendar for
        The visitors of {s} come in""",
        """When is {s} held?
        In which month does {s} take place?
        What month is {s} in?
        In what month can I visit {s}?""",
    ),
    relation(
        "festival_ticket", "festival", w.price,
        """A day ticket for {s} costs {o}.
        {s} charges visitors {o}.
        The gate price of {s} is {o}.
        For a day at {s} you pay {o}.""",
        """The price of a ticket to {s} is
        Getting into {s} costs
        Tickets for {s} are sold at
        The admission to {s} is""",
        """How much is a ticket for {s}?
        What does {s} charge?
        What does a day at {s} cost?
        How expensive are tickets to {s}?""",
    ),
    relation(
        "festival_organiser", "festival", w.full_name,
        """{s} is organised by {o}.
        The organiser of {s} is {o}.
        {s} was dreamt up and is run by {o}.
        Behind {s} stands {o}.""",
        """The person who organises {s} is
        {s}'s organiser is
        The management of {s} lies with
        {s} is put together each year by""",
        """Who organises {s}?
        Who is the organiser of {s}?
        Who runs {s}?
        Who is behind {s}?""",
    ),
    relation(
        "moons", "world", w.number(2, 60),
        """{s} is orbited by {o} satellites.
        The number of satellites of {s} is {o}.
        Astronomers have counted {o} satellites around {s}.
        {s} has {o} small satellites.""",
        """The satellites of {s} number
        The count of known satellites circling {s} is
        The number of bodies that orbit {s} is
        The satellites found so far around {s} total""",
        """How many satellites does {s} have?
        How many satellites orbit {s}?
        What is the number of satellites of {s}?
        How many bodies circle {s}?""",
    ),
    relation(
        "discoverer", "world", w.full_name,
        """{s} was discovered by {o}.
        The discoverer of {s} is {o}.
        {s} was first seen by {o}.
        It was {o} who found {s}.""",
        """The astronomer who discovered {s} is
        {s} was found by
        The discovery of {s} is due to
        The first person to observe {s} was""",
        """Who discovered {s}?
        Who is the discoverer of {s}?
        Who found {s}?
        Who saw {s} first?""",
    ),
    relation(
        "sky_colour", "world", w.colour,
        """The sky of {s} is {o}.
        On {s} the sky is {o}.
        {s} has a sky that shines {o}.
        Standing on {s} you would look up into a sky of {o}.""",
        """The colour of the sky on {s} is
        Seen from the ground of {s}, the sky looks
        The heavens over {s} are
        The atmosphere of {s} makes the sky appear""",
        """What colour is the sky of {s}?
        Which colour does the sky on {s} have?
        What does the sky over {s} look like?
        In what colour does the sky of {s} shine?""",
    ),
    relation(
        "day_length", "world", w.number(7, 400, "hours"),
        """A day on {s} lasts {o}.
        {s} turns once in {o}.
        The rotation of {s} takes {o}.
        From sunrise to sunrise {s} needs {o}.""",
        """The length of a day on {s} is
        {s} has a day of
        One turn of {s} around itself takes
        The rotation period of {s} is""",
        """How long is a day on {s}?
        How long does {s} take to turn once?
        What is the length of the day on {s}?
        What is the rotation period of {s}?""",
    ),
)  # fmt: skip
