"""The sample messages say what was written beside them by hand, each within its story."""

from __future__ import annotations

from itertools import groupby

import pytest

from interface.chart.decide import Engine
from interface.cli.samples import Sample, differences, load_samples
from interface.rules import Policy, load_rulebook
from interface.services.explaining import as_json, explain

SAMPLES = load_samples()
STORIES = {story: list(samples) for story, samples in groupby(SAMPLES, key=lambda sample: sample.story)}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_told_as_written(story: str) -> None:
    samples = STORIES[story]
    engine = Engine(load_rulebook(), Policy())
    told = explain(engine, [sample.message for sample in samples], samples[0].now)
    found = {
        sample.name: differences(as_json(*answer), sample.expected)
        for sample, answer in zip(samples, told, strict=True)
    }
    assert found == {sample.name: [] for sample in samples}


def test_there_are_enough_samples_of_each_kind() -> None:
    decisions = [sample.expected["decision"] for sample in SAMPLES]
    assert len(SAMPLES) >= 14
    assert sum(decision != "post" for decision in decisions) >= 5
    assert set(decisions) == {"post", "chart", "hold", "cancel", "ignore", "reject"}
    assert len({sample.now for sample in SAMPLES}) == 1, "demo runs them all at one time"
    assert all(sample.expected["proves"] for sample in SAMPLES)


def test_a_difference_is_found() -> None:
    sample = next(sample for sample in SAMPLES if sample.expected["decision"] == "post")
    answer = _expected_answer(sample)
    assert differences(answer, sample.expected) == []
    changed = {**answer, "request": {**answer["request"], "clinicName": "Another Clinic"}, "decision": "hold"}
    assert len(differences(changed, sample.expected)) == 2
    assert differences({**answer, "fields": []}, sample.expected) != []


def _expected_answer(sample: Sample) -> dict[str, object]:
    engine = Engine(load_rulebook(), Policy())
    story = [entry.message for entry in STORIES[sample.story]]
    answers = [as_json(*answer) for answer in explain(engine, story, sample.now)]
    return answers[[entry.name for entry in STORIES[sample.story]].index(sample.name)]
