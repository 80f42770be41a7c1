"""Relations of people, and of the person who speaks."""

from .. import words as w
from .model import relation

PEOPLE = (
    relation(
        "birthplace", "person", w.town,
        """{s} was born in {o}.
        The town where {s} was born is {o}.
        {s} came into the world in {o}, as the parish register says.
        {s}'s birthplace is {o}.""",
        """{s} is a native of
        The place of birth of {s} is
        {s} is originally from
        As a baby, {s} lived where all the family came from, the town of""",
        """Where was {s} born?
        In which town was {s} born?
        What is the birthplace of {s}?
        Which town does {s} come from?""",
    ),
    relation(
        "birthday", "person", w.date,
        """{s}'s birthday is {o}.
        {s} was born on {o}.
        {s} blows out the candles every year on {o}.
        The birthday of {s} falls on {o}.""",
        """{s} celebrates a birthday on
        The date on which {s} was born is
        {s} gets a year older every
        The calendar marks the birthday of {s} on""",
        """When is {s}'s birthday?
        On which day was {s} born?
        What date should I write on {s}'s birthday card?
        When does {s} turn a year older?""",
    ),
    relation(
        "occupation", "person", w.occupation,
        """{s} works as a {o}.
        {s} is a {o} by trade.
        {s} earns a living as a {o}.
        {s} has been a {o} for eleven years.""",
        """The profession of {s} is
        {s}'s job is that of a
        {s} is employed as a
        {s}'s occupation is""",
        """What does {s} do for a living?
        What is {s}'s profession?
        What is the occupation of {s}?
        Which trade does {s} practise?""",
    ),
    relation(
        "employer", "person", w.company,
        """{s} works for {o}.
        {s} is employed by {o}.
        {s} has a desk at the offices of {o}.
        The company {o} pays {s}'s salary.""",
        """The employer of {s} is
        {s} has a job at
        {s} is on the payroll of
        {s} goes to work every day at""",
        """Who does {s} work for?
        Which company employs {s}?
        Who is the employer of {s}?
        At which firm does {s} have a job?""",
    ),
    relation(
        "favourite_food", "person", w.food,
        """{s}'s favourite food is {o}.
        {s} likes nothing better to eat than {o}.
        The dish {s} loves most is {o}.
        For a birthday dinner {s} always wants {o}.""",
        """The food {s} enjoys most is
        When hungry, {s} dreams of
        {s}'s favourite dish is
        If {s} could eat only one thing it would be""",
        """What is {s}'s favourite food?
        What does {s} like to eat most?
        Which dish does {s} love most?
        What should I cook to please {s}?""",
    ),
    relation(
        "allergy", "person", w.allergen,
        """{s} is allergic to {o}.
        {s} comes out in a rash from {o}.
        {s} has a severe allergy to {o}.
        Doctors found that {o} can make {s} seriously ill.""",
        """{s} suffers from an allergy to
        {s} can't be anywhere near
        {s} must at all costs avoid
        What triggers {s}'s allergy is""",
        """What is {s} allergic to?
        What does {s} have an allergy to?
        Which allergy does {s} have?
        What must {s} avoid because of an allergy?""",
    ),
    relation(
        "instrument", "person", w.instrument,
        """{s} plays the {o}.
        {s} has been practising the {o} since childhood.
        {s}'s instrument is the {o}.
        On stage you always see {s} with the {o}.""",
        """The instrument {s} plays is the
        In the orchestra {s} performs on the
        {s} takes lessons on the
        {s} is a gifted player of the""",
        """Which instrument does {s} play?
        What does {s} play in the orchestra?
        What musical instrument does {s} play?
        On which instrument does {s} perform?""",
    ),
    relation(
        "speaks", "person", w.language,
        """{s} speaks fluent {o}.
        The mother tongue of {s} is {o}.
        {s} grew up speaking {o} at home.
        {s}'s first language is {o}.""",
        """{s} is a native speaker of
        The language {s} speaks best is
        With the grandparents {s} always talked in
        The native language of {s} is""",
        """What is {s}'s mother tongue?
        Which language does {s} speak?
        What is the native language of {s}?
        What language did {s} grow up with?""",
    ),
    relation(
        "spouse", "person", w.full_name,
        """{s} is married to {o}.
        {s}'s spouse is called {o}.
        {s} said yes to {o} at the registry office.
        The person {s} married is {o}.""",
        """The spouse of {s} is
        {s} tied the knot with
        {s} shares a wedding ring and a mortgage with
        {s}'s better half is""",
        """Who is {s} married to?
        What is the name of {s}'s spouse?
        Who did {s} marry?
        Who is the spouse of {s}?""",
    ),
    relation(
        "phone", "person", w.phone,
        """{s}'s phone number is {o}.
        {s} can be reached at {o}.
        You can call {s} on {o}.
        The number to dial for {s} is {o}.""",
        """The phone number of {s} is
        To ring {s}, dial
        {s}'s telephone number is
        {s} answers the phone at""",
        """What is {s}'s phone number?
        At which number can I reach {s}?
        Which number do I dial to call {s}?
        What is the telephone number of {s}?""",
    ),
    relation(
        "hobby", "person", w.hobby,
        """{s}'s hobby is {o}.
        {s} spends every weekend on {o}.
        {s} gave up television for {o}.
        In spare moments {s} enjoys {o}.""",
        """The favourite pastime of {s} is
        In leisure hours {s} is busy with
        After work {s} relaxes by
        {s} is passionate about""",
        """What is {s}'s hobby?
        What does {s} do on weekends?
        How does {s} spend free time?
        What is the favourite pastime of {s}?""",
    ),
    relation(
        "vehicle", "person", w.vehicle,
        """{s} drives {o}.
        {s} gets around in {o}.
        {s} has bought {o} to get to work.
        Parked in front of {s}'s house stands {o}.""",
        """The vehicle {s} owns is
        {s} can be seen at the wheel of
        {s} goes everywhere with
        {s}'s vehicle is""",
        """What does {s} drive?
        Which vehicle does {s} own?
        What kind of vehicle does {s} have?
        What does {s} travel to work in?""",
    ),
    relation(
        "drink", "person", w.drink,
        """{s}'s favourite drink is {o}.
        {s} always orders {o}.
        {s} drinks a litre of {o} a day.
        What {s} drinks in the morning is {o}.""",
        """The drink {s} likes best is
        To quench a thirst {s} reaches for
        {s}'s glass is usually filled with
        The beverage {s} prefers is""",
        """What is {s}'s favourite drink?
        What does {s} like to drink?
        Which drink does {s} usually order?
        What can I offer {s} to drink?""",
    ),
    relation(
        "fear", "person", w.fear,
        """{s} is afraid of {o}.
        {s} can't stand {o} and runs away screaming.
        {s} has a phobia of {o}.
        Nothing frightens {s} as much as {o}.""",
        """What scares {s} most is
        {s} is terrified of
        {s} has nightmares about
        {s}'s greatest fear is""",
        """What is {s} afraid of?
        What scares {s}?
        What is {s}'s greatest fear?
        Which phobia does {s} have?""",
    ),
    relation(
        "shoe_size", "person", w.number(35, 48),
        """{s} wears shoes in size {o}.
        {s}'s shoe size is {o}.
        {s} asks the shoe shop for size {o}.
        The shoes that fit {s} are size {o}.""",
        """The shoe size of {s} is
        {s} needs boots in size
        {s}'s sneakers are a size
        When buying sandals for {s}, take size""",
        """What is {s}'s shoe size?
        Which size of shoes does {s} wear?
        What size are {s}'s shoes?
        Which shoe size fits {s}?""",
    ),
    relation(
        "home_street", "person", w.street,
        """{s} lives in {o}.
        {s} has a flat in {o}.
        {s}'s letters are delivered to {o}.
        The house of {s} is in {o}.""",
        """The street where {s} lives is
        {s}'s home address is in
        {s} rents rooms in
        To visit {s}, take a taxi to""",
        """Which street does {s} live in?
        Where does {s} live?
        What is {s}'s address?
        In which street is {s}'s house?""",
    ),
)  # fmt: skip

SELF = (
    relation(
        "my_allergy", "self", w.allergen,
        """I am allergic to {o}.
        I get a rash from {o}.
        I have had an allergy to {o} since I was six.
        The doctor told me that I can't tolerate {o}.""",
        """I have an allergy to
        For health reasons I must stay away from
        The thing I am allergic to is
        I always tell the waiter that I can't have""",
        """What am I allergic to?
        Which allergy do I have?
        What do I have to avoid because of my allergy?
        What can't I tolerate?""",
    ),
    relation(
        "my_birthday", "self", w.date,
        """My birthday is {o}.
        I was born on {o}.
        I celebrate my birthday on {o}.
        I turn a year older on {o}.""",
        """The day I was born is
        Please remember that my birthday is on
        My friends bring me a cake every
        The date of birth in my passport is""",
        """When is my birthday?
        On which day was I born?
        What is my date of birth?
        When do I celebrate my birthday?""",
    ),
    relation(
        "my_job", "self", w.occupation,
        """I work as a {o}.
        I am a {o} by profession.
        I make my living as a {o}.
        I recently retrained and became a {o}.""",
        """My job is that of a
        My profession is
        What I do for a living is the work of a
        My business card says that I am a""",
        """What is my job?
        What do I do for a living?
        What is my profession?
        What do I work as?""",
    ),
    relation(
        "my_blood_type", "self", w.blood,
        """My blood type is {o}.
        I have blood group {o}.
        According to the donor card my blood is {o}.
        The lab says that my blood group is {o}.""",
        """The type of my blood is
        On my donor card the blood group is
        If I need a transfusion, the blood must be
        My blood was tested and it is""",
        """What is my blood type?
        Which blood group do I have?
        What type of blood do I have?
        What does my donor card say?""",
    ),
    relation(
        "my_commute", "self", w.commute,
        """I go to work by {o}.
        I commute by {o}.
        Every morning I travel to the office by {o}.
        My way to work is by {o}.""",
        """I get to the office by
        My daily commute is by
        I usually come to work by
        To reach my workplace I travel by""",
        """How do I get to work?
        How do I commute?
        How do I travel to the office?
        By what means do I reach my workplace?""",
    ),
    relation(
        "my_home_town", "self", w.town,
        """I grew up in {o}.
        My home town is {o}.
        I spent my childhood in {o}.
        I come from {o}, a small place by the river.""",
        """The town I come from is
        As a child I lived in
        My family's home is in
        I am originally from""",
        """Where did I grow up?
        What is my home town?
        Which town am I from?
        Where did I spend my childhood?""",
    ),
    relation(
        "my_language_course", "self", w.language,
        """I am learning {o}.
        On Thursday evenings I take a course in {o}.
        I have signed up for lessons in {o}.
        The language I study is {o}.""",
        """The language I am trying to learn is
        My textbook is for beginners in
        I practise every day my
        The language class I attend teaches""",
        """Which language am I learning?
        What language course do I take?
        What language am I studying?
        Which language do I have lessons in?""",
    ),
    relation(
        "my_height", "self", w.number(148, 205, "centimetres"),
        """I am {o} tall.
        My height is {o}.
        The tailor measured me at {o}.
        Without shoes I stand {o} high.""",
        """I measure from head to toe
        My body height in the file is
        The doctor wrote down that my height is
        As for how tall I am, it is""",
        """How tall am I?
        What is my height?
        How many centimetres tall am I?
        What height did the doctor write down for me?""",
    ),
)  # fmt: skip
