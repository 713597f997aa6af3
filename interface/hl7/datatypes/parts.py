"""Reading parts without outer blanks, and picking a subcomponent where a sender may have split or not."""

from ..message import Repetition


def part(repetition: Repetition, component: int) -> str:
    """A component without outer blanks; '' when absent or null."""
    return repetition.component(component).strip()


def subpart(repetition: Repetition, component: int, sub: int) -> str:
    """A subcomponent without outer blanks; the first is the component when that is not split."""
    return repetition.sub(component, sub).strip()
