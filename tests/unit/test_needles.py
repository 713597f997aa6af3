"""What the hunts for patient data look with finds what is there, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st
from needles import PORTION, found_in

FEW = st.binary(max_size=60).map(lambda text: bytes(byte % 3 for byte in text))


@given(FEW, st.lists(FEW, max_size=20))
def test_the_same_is_found_as_by_looking_for_each(data, needles):
    assert found_in(data, needles) == sorted({needle for needle in needles if needle in data})


def test_across_the_edge_of_a_portion():
    for before in range(PORTION - 12, PORTION + 12):
        data = b"-" * before + b"Quennell" + b"-" * 20
        assert found_in(data, [b"Quennell", b"Quennels"]) == [b"Quennell"], before
