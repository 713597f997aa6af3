"""Arithmetic of an offered rate: how long each message waited, whether the rate was kept, the highest that is."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median

OLDEST_SECONDS = 1.0
"""Older than this no waiting message may get."""
FALLING_BEHIND = 0.03
"""By more than this share of the time that passes, waiting messages may not get older: in an hour it would be two minutes.
Below it a run of some seconds can't be told from one that keeps up."""
STEP, STRIDE = 1.1, 3
"""Rates that are tried differ by this factor; so many at once are passed over until the answer is enclosed."""


@dataclass(frozen=True)
class Offered:
    """What came of messages offered at a fixed rate, each by its place: message `j` was due at `j / rate` seconds."""

    rate: float
    acks: Sequence[float]
    """Seconds from when it was due to its ACK."""
    posts: Sequence[float]
    """Seconds from when it was due to its POST's arrival at the sink; infinite: none came."""
    unasked: int = 0
    """POSTs that came of no message of these: sent twice."""

    @property
    def answered(self) -> float:
        """ACKs a second, from the first message's time to the last ACK."""
        return len(self.acks) / max(place / self.rate + age for place, age in enumerate(self.acks))

    @property
    def posted(self) -> float:
        """POSTs a second, from the first message's time to the last POST."""
        last = max(
            (place / self.rate + age for place, age in enumerate(self.posts) if age < inf), default=inf
        )
        return (len(self.posts) - self.missing) / last

    @property
    def missing(self) -> int:
        """Messages of which no POST came."""
        return sum(age == inf for age in self.posts)

    @property
    def oldest(self) -> float:
        """The highest age that a waiting message had, in seconds: it has it when its POST comes."""
        return max(self.posts)

    @property
    def behind(self) -> int:
        """Messages that waited when the last one fell due."""
        end = (len(self.posts) - 1) / self.rate
        return sum(place / self.rate + age > end for place, age in enumerate(self.posts))

    @property
    def falling_behind(self) -> float:
        """By how many seconds the messages' age grew in each second; from the second quarter to the last, at the medians."""
        quarter = len(self.posts) // 4
        if not quarter or self.missing:
            return inf if self.missing else 0.0
        grown = median(self.posts[-quarter:]) - median(self.posts[quarter : 2 * quarter])
        return grown / (2 * quarter / self.rate)

    @property
    def kept(self) -> bool:
        """Whether this rate can be lived with: nothing missing or twice, nothing old, and not ever older."""
        whole = not self.missing and not self.unasked
        return whole and self.oldest < OLDEST_SECONDS and self.falling_behind < FALLING_BEHIND

    def windows(self, count: int) -> list[Offered]:
        """Cut into so many pieces of the same length (what is left over stays out)."""
        size = len(self.posts) // count
        return [
            Offered(self.rate, self.acks[at : at + size], self.posts[at : at + size])
            for at in range(0, size * count, size)
        ]


def post_ages(
    mrns: Sequence[int], due: Callable[[int], float], told: Iterable[tuple[int, float]]
) -> tuple[list[float], int]:
    """Seconds from due to POST of each message, and how many POSTs came of none.

    `mrns`: whom each message is about; `due`: when message `j` was due; `told`: MRN and time of each POST, in order.
    Requests of a patient arrive in the order of his messages: the nth POST about him is that of the nth message about him.
    """
    waiting: dict[int, deque[int]] = defaultdict(deque)
    for place, mrn in enumerate(mrns):
        waiting[mrn].append(place)
    ages = [inf] * len(mrns)
    unasked = 0
    for mrn, at in told:
        if waiting[mrn]:
            place = waiting[mrn].popleft()
            ages[place] = at - due(place)
        else:
            unasked += 1
    return ages, unasked


def highest_kept(start: float, kept: Callable[[float], bool], most: int = 12) -> float:
    """The highest rate that is kept, of `start` and those by tenths above and below it; 0: none in `most` tries.

    Taken to be right: a rate below one that is kept is kept too. In strides from `start` until one is kept and one is not;
    then halving what lies between.
    """
    above, below = inf, -inf  # in steps from `start`: the lowest not kept, the highest kept
    step = 0
    for _ in range(most):
        if kept(start * STEP**step):
            below = step
        else:
            above = step
        if above - below <= 1:
            break
        if above == inf:
            step += STRIDE
        elif below == -inf:
            step -= STRIDE
        else:
            step = int(above + below) // 2
    return start * STEP**below if below > -inf else 0.0
