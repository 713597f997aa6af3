"""Onboarding in the console: steps with their evidence, confirming, choosing, the switch of going live, the report."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from console_browser import HASHED, NOW, Browser, location

from interface.console.answering import Answering
from interface.console.pages import ACTIONS, PAGES
from interface.evidence.steps import STEPS
from interface.services.door_state import DoorState, Surroundings
from interface.services.guarding import enter
from interface.settings import load_settings
from interface.store.records.turn import NewRequestRow, PatientWrite, Turn

TESTED = '[{"code": "production-test", "text": "waits for a slot"}]'
NOT_LIVE = '[{"code": "not-live", "text": "not live yet"}]'
LACKS = '[{"code": "not-live", "text": "x"}, {"code": "missing:patient.address.zip", "text": "no ZIP"}]'


def flat(reply) -> str:
    return re.sub(r"\s*\n\s*", "", reply.body.decode())


@pytest.fixture
def site(tmp_path: Path, store):
    """Browsers of a site in an environment."""

    def made(environment: str, name: str = "mary", clinic: str = "Lake Family") -> Browser:
        path = tmp_path / "settings.toml"
        path.write_text(
            f'[site]\nenvironment = "{environment}"\nmrn_root = "2.999.5"\nname = "{clinic}"\n'
            '[api]\nkey = "env:NO_SUCH_KEY"\nbase_url = "http://127.0.0.1:1"\n'
        )
        around = Surroundings(load_settings(path), store, None, DoorState, lambda: None)
        for user, role in (("vera", "viewer"), ("mary", "analyst"), ("adam", "admin")):
            store.users.add(user, role, HASHED, 1.0)
        browser = Browser(Answering(around, PAGES, ACTIONS, lambda: NOW), store)
        browser.sign_in(name)
        return browser

    return made


@pytest.fixture
def held(store):
    """Stores held requests with these reasons."""

    def stored(*why: str, day: date | None = date(2027, 3, 1)) -> None:
        rows = [
            NewRequestRow(n, 1, None, f"A{n}", "held", b"{}", b"{}", day, reasons=reasons)
            for n, reasons in enumerate(why, 1)
        ]
        store.work.commit(
            Turn(NOW - 40 * 86400, patients=[PatientWrite(1, b"{}", True, ("K",))], requests=rows)
        )

    return stored


@pytest.mark.parametrize("environment", ["sandbox", "staging", "production-test", "production"])
def test_all_steps_are_there_in_every_environment_with_what_to_do_for_the_next(site, environment) -> None:
    page = flat(site(environment, "vera").get("/onboarding"))
    assert re.findall(r'id="step-([a-z-]+)"', page) == [row.code for row in STEPS]
    assert page.count(' next" id=') == 1
    assert "hl7-interface demo" in page
    assert 'action="/onboarding/confirm"' not in page


def test_a_step_is_confirmed_with_a_note_and_taken_back(site, store) -> None:
    browser = site("staging")
    assert browser.post("/onboarding/confirm", "/onboarding", step="staging", note=" ").status == 400
    assert browser.post("/onboarding/confirm", "/onboarding", step="live", note="x").status == 400
    assert location(browser.post("/onboarding/confirm", "/onboarding", step="staging", note="mail of Ann"))
    assert store.confirmations.all()["staging"].note == "mail of Ann"
    assert "confirmed by mary" in flat(browser.get("/onboarding"))
    assert ("mary", "confirmed", "step staging", None) in browser.audit()
    browser.post("/onboarding/confirm", "/onboarding", step="staging", undo="1")
    assert store.confirmations.all() == {}
    assert (
        site("staging", "vera").post("/onboarding/confirm", "/onboarding", step="staging", note="x").status
        == 403
    )


# ------------------------------------------------------------------------------------------ production test


def test_complete_requests_are_chosen_by_a_form(site, store, held) -> None:
    held(TESTED, TESTED, '[{"code": "missing:patient.birthDate", "text": "x"}]')
    browser = site("production-test")
    page = flat(browser.get("/onboarding"))
    assert re.findall(r'name="(request-\d+)"', page) == ["request-1", "request-2"]
    assert "missing:patient.birthDate" in page
    to = location(browser.post("/onboarding/choose", "/onboarding", **{"request-2": "1"}))
    command = store.commands.get(int(re.findall(r"\d+", to)[0]))
    assert (command.kind, command.arguments) == ("choose", {"requests": [2], "who": "mary"})
    assert ("mary", "chose", "request 2", None) in browser.audit()
    assert browser.post("/onboarding/choose", "/onboarding").status == 400
    assert browser.post("/onboarding/choose", "/onboarding", **{"request-x": "1"}).status == 400
    to = location(browser.post("/onboarding/choose", "/onboarding", how="by-hand"))
    assert store.commands.get(int(re.findall(r"\d+", to)[0])).arguments["by_hand"] is True


def test_who_may_not_choose_sees_what_there_is_and_no_form(site, held) -> None:
    held(TESTED)
    page = flat(site("production-test", "vera").get("/onboarding"))
    assert "request 1" in page
    assert "/onboarding/choose" not in page


def test_elsewhere_nothing_is_chosen(site) -> None:
    browser = site("staging")
    assert "Production test</h2>" not in flat(browser.get("/onboarding"))
    assert browser.post("/onboarding/choose", "/onboarding", **{"request-2": "1"}).status == 400


# ------------------------------------------------------------------------------------------ going live


@pytest.fixture
def waiting(site, store, held):
    """A site whose store has moved to production and waits for the switch."""
    enter(store, "staging", NOW - 100)
    enter(store, "production", NOW - 50)
    held(NOT_LIVE, NOT_LIVE, LACKS)
    return site


def switched(browser: Browser, query: str = "", **fields: str):
    page = browser.get(f"/onboarding/live{query}")
    assert page.status == 200, page.body
    hidden = dict(
        re.findall(r'name="(seen|drop_older_than|from_day|per_minute)" value="([^"]*)"', page.body.decode())
    )
    return browser.post("/onboarding/live/switch", f"/onboarding/live{query}", **(hidden | fields))


def test_the_switch_says_what_it_will_do_and_does_it_when_the_name_is_typed(waiting, store) -> None:
    browser = waiting("production", "adam")
    page = flat(browser.get("/onboarding/live"))
    assert "What becomes of the 3 held requests" in page
    assert re.search(r"are sent<small>over 1 min, 120 a minute</small></dt><dd>2<", page)
    assert re.search(r"stay held<small>missing:patient.address.zip 1</small></dt><dd>1<", page)
    assert 'href="/onboarding/live"' in flat(browser.get("/onboarding")) or "next" in page
    for wrong in ("", "Lake", "yes"):
        assert switched(browser, confirmed=wrong).status == 400
    to = location(switched(browser, confirmed="lake  family"))
    command = store.commands.get(int(re.findall(r"\d+", to)[0]))
    assert command.kind == "go-live"
    assert command.arguments == {"who": "adam", "tested": [], "drop_below": 0, "from_day": "", "seconds": 1.0}
    assert ("adam", "threw the switch to production", "production", None) in browser.audit()


def test_its_options_are_shown_and_go_along(waiting, store) -> None:
    browser = waiting("production", "adam", "")
    query = "?drop_older_than=30&from_day=2027-02-01&per_minute=10"
    page = flat(browser.get(f"/onboarding/live{query}"))
    assert re.search(r"are dropped: too old<small>held for longer than 30 days</small></dt><dd>3<", page)
    assert switched(browser, query).status == 400
    to = location(switched(browser, query, confirmed="yes"))
    command = store.commands.get(int(re.findall(r"\d+", to)[0]))
    assert (command.arguments["drop_below"], command.arguments["from_day"]) == (4, "2027-02-01")


def test_what_has_changed_since_it_was_shown_is_not_done(waiting, store) -> None:
    browser = waiting("production", "adam")
    reply = switched(browser, "?drop_older_than=30", confirmed="Lake Family", drop_older_than="0")
    assert reply.status == 409
    assert b"<h1>It has changed meanwhile</h1>" in reply.body, "nothing went wrong"
    assert store.commands.get(1) is None


@pytest.mark.parametrize(
    "query",
    ["drop_older_than=x", "drop_older_than=4000", "from_day=tomorrow", "per_minute=0", "per_minute=70000"],
)
def test_options_that_are_none_are_clear_errors(waiting, query) -> None:
    reply = waiting("production", "adam").get(f"/onboarding/live?{query}")
    assert reply.status == 400
    assert query.partition("=")[0].encode() in reply.body


def test_the_switch_is_for_admins_in_production_and_once(waiting, site, store) -> None:
    assert waiting("production", "mary").get("/onboarding/live").status == 403
    assert waiting("production", "mary").post("/onboarding/live/switch", "/").status == 403
    assert site("staging", "adam").get("/onboarding/live").status == 400


def test_a_store_that_is_live_has_no_switch(site, store) -> None:
    enter(store, "production", NOW - 50)
    assert b"live already" in site("production", "adam").get("/onboarding/live").body


# ------------------------------------------------------------------------------------------ the report


def test_the_report_is_made_when_it_is_asked_for_and_noted(site) -> None:
    browser = site("staging")
    page = browser.get("/onboarding/report")
    assert page.status == 200
    headers = dict(page.headers)
    assert headers["Content-Disposition"] == 'attachment; filename="onboarding-staging.html"'
    assert b"<!doctype html>" in page.body.lower()
    found = json.loads(browser.get("/onboarding/report?form=json").body)
    assert len(found["steps"]) == len(STEPS)
    assert ("mary", "took", "onboarding report (staging)", None) in browser.audit()
    assert browser.get("/onboarding/report?form=pdf").status == 400
    assert site("staging", "vera").get("/onboarding/report").status == 403
