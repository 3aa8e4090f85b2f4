"""How often Python looks for garbage while most of what is made stays, as what a program imports does."""

# New objects until it looks, in commands and servers. With its own number, 700, an eighth of the time of imports goes
# into that, and of a page of jobs, which has thousands, as much.
OBJECTS = 50_000
