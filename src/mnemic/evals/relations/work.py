"""Relations of services, projects and recipes."""

from .. import words as w
from .model import relation

WORK = (
    relation(
        "port", "service", w.number(1024, 49151),
        """{s} listens on port {o}.
        The port of {s} is {o}.
        {s} accepts connections on port {o}.
        To reach {s}, open port {o}.""",
        """{s} can be reached on port
        The port number of {s} is
        Clients connect to {s} through port
        The firewall lets traffic to {s} through on port""",
        """Which port does {s} listen on?
        What is the port of {s}?
        On which port can {s} be reached?
        What port number does {s} use?""",
    ),
    relation(
        "written_in", "service", w.code_language,
        """{s} is written in {o}.
        {s} is implemented in {o}.
        The source code of {s} is {o}.
        The developers of {s} chose {o}.""",
        """The programming language of {s} is
        The code of {s} is in
        {s} was programmed in
        To work on {s} you need to know""",
        """What is {s} written in?
        Which programming language is {s} implemented in?
        In what language is the source code of {s}?
        Which language did the developers of {s} choose?""",
    ),
    relation(
        "maintainer", "service", w.full_name,
        """{s} is maintained by {o}.
        The maintainer of {s} is {o}.
        {s} is looked after by {o}.
        When {s} breaks, page {o}.""",
        """The person responsible for {s} is
        {s}'s maintainer is
        Questions about {s} should go to
        The on-call engineer for {s} is""",
        """Who maintains {s}?
        Who is responsible for {s}?
        Who looks after {s}?
        Who do I page when {s} breaks?""",
    ),
    relation(
        "backup", "service", w.clock,
        """{s} is backed up at {o}.
        The backup of {s} runs at {o}.
        {s} writes its daily backup at {o}.
        Every day at {o} a copy is made of {s}.""",
        """The backup time of {s} is
        {s} starts its backup at
        The daily copy of {s} is taken at
        {s} is slow while its backup runs, at""",
        """When is {s} backed up?
        At what time does the backup of {s} run?
        When does {s} write its backup?
        What is the backup time of {s}?""",
    ),
    relation(
        "lead", "project", w.full_name,
        """{s} is led by {o}.
        The lead of {s} is {o}.
        {s} has been handed to {o}.
        In charge of {s} is {o}.""",
        """The person who leads {s} is
        {s} is run by
        The manager of {s} is
        Responsibility for {s} lies with""",
        """Who leads {s}?
        Who is the lead of {s}?
        Who is in charge of {s}?
        Who manages {s}?""",
    ),
    relation(
        "deadline", "project", w.date,
        """The deadline of {s} is {o}.
        {s} must be finished by {o}.
        {s} is due on {o}.
        The client expects {s} on {o}.""",
        """{s} has a deadline on
        {s} has to be delivered by
        The due date of {s} is
        The last day for {s} is""",
        """What is the deadline of {s}?
        When must {s} be finished?
        When is {s} due?
        By which date does {s} have to be delivered?""",
    ),
    relation(
        "budget", "project", w.price,
        """The budget of {s} is {o} a day.
        {s} may spend {o} a day.
        {s} has been granted {o} a day.
        Each day {o} are set aside for {s}.""",
        """The daily budget of {s} is
        The money {s} has per day is
        Per day {s} can spend
        The daily sum approved for {s} is""",
        """What is the daily budget of {s}?
        How much may {s} spend a day?
        How much money has been granted to {s} per day?
        How large is the budget of {s} for one day?""",
    ),
    relation(
        "meeting_room", "project", w.room,
        """{s} meets in {o}.
        The team of {s} has its meetings in {o}.
        {s} has booked {o}.
        For {s} the weekly meeting is in {o}.""",
        """The meeting room of {s} is
        Meetings about {s} are held in
        The people working on {s} gather in
        The room reserved for {s} is""",
        """Where does {s} meet?
        Which room does {s} meet in?
        What is the meeting room of {s}?
        Which room is reserved for {s}?""",
    ),
    relation(
        "spice", "recipe", w.spice,
        """{s} is seasoned with {o}.
        The spice in {s} is {o}.
        {s} gets its taste from {o}.
        The secret of {s} is a pinch of {o}.""",
        """What gives {s} its flavour is
        To spice {s}, add
        {s} must be sprinkled with
        The most important spice for {s} is""",
        """What is {s} seasoned with?
        Which spice is in {s}?
        What is the secret of {s}?
        Which spice does {s} need?""",
    ),
    relation(
        "oven", "recipe", w.number(120, 260, "degrees"),
        """{s} is cooked at {o}.
        For {s} set the oven to {o}.
        {s} needs an oven at {o}.
        The temperature for {s} is {o}.""",
        """The oven temperature for {s} is
        {s} has to be heated to
        Before {s} goes in, the oven must reach
        The right heat for {s} is""",
        """At what temperature is {s} cooked?
        How hot must the oven be for {s}?
        What is the oven temperature for {s}?
        To what should I set the oven for {s}?""",
    ),
    relation(
        "cooking_time", "recipe", w.number(12, 190, "minutes"),
        """{s} takes {o}.
        {s} stays on the heat for {o}.
        {s} is ready after {o}.
        The cooking time of {s} is {o}.""",
        """To cook {s} you need
        {s} cooks for
        {s} is done in
        The time that {s} takes is""",
        """How long does {s} take?
        How long must {s} cook?
        What is the cooking time of {s}?
        After how many minutes is {s} ready?""",
    ),
)  # fmt: skip
