"""What persons have done from the console: counted first, done once, the result with what could not be done and why."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from console_browser import NOW, arrival, location
from console_rows import put
from made_up import AIP

from interface.console import many_ids
from interface.console.asked import RefusedError
from interface.services.clock import Clock
from interface.services.engines import engine_now
from interface.services.offline import work_off_if_free
from interface.settings import Settings, load_settings

ZIP = "missing:patient.address.zip"
NO_ZIP = "PID|1||{0}^^^LFC^MR||Sample^Robin||19700131|F|||12 Birch Ln^^Madison^WI"
WITH_ZIP = NO_ZIP + "^53703"


@pytest.fixture
def settings(tmp_path) -> Settings:
    path = tmp_path / "settings.toml"
    path.write_text('[site]\nmrn_root = "2.999.77"\nmrn_authority = ["LFC"]\n[[listener]]\nport = 0\n')
    return load_settings(path)


@pytest.fixture
def work(store, settings):
    """Does what the daemon's work would."""

    def off() -> None:
        clock = Clock(datetime.fromtimestamp(NOW, UTC))
        assert work_off_if_free(store.presence("work"), store, engine_now(settings, store, NOW), clock)

    return off


@pytest.fixture
def tell(store, work):
    """Messages of patients, taken in and decided."""
    count = 0

    def told(*segments: str, kind: str = "SIU^S12", decide: bool = True) -> None:
        nonlocal count
        count += 1
        head = f"MSH|^~\\&|APP|FAC|R|R|20270110||{kind}|C{count}|P|2.5.1"
        raw = "\r".join((head, *segments, "")).encode()
        store.journal.append([arrival(count, raw=raw, message_type=kind, received_at=NOW)], NOW)
        if decide:
            work()

    return told


def visit(number: str) -> tuple[str, str]:
    return f"SCH||{number}|||||||||^^^202702100930", AIP


def shown(browser, address: str) -> str:
    reply = browser.get(address)
    assert reply.status == 200, reply.body
    return re.sub(r"\s+", " ", reply.body.decode())


def plain(page: str) -> str:
    """A page's words."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page)))


def form_of(browser, address: str, **more: str) -> dict[str, str]:
    """The fields of the page's form that asks for it."""
    text = shown(browser, address)
    form = text[text.index('action="/by-hand"') :]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)) | more


def do(browser, work, address: str, **more: str) -> str:
    """Ask for what a page has counted, have it done; what is told of it."""
    fields = form_of(browser, address, **more)
    there = location(browser.get("/by-hand", "POST", tuple(fields.items())))
    assert "under way" in shown(browser, there)
    work()
    return shown(browser, there)


def states(store) -> list[str]:
    return [row.state for row in reversed(store.views.requests())]


def test_a_protected_patient_is_let_go_and_what_is_held_otherwise_is_told(browser, store, tell, work) -> None:
    tell(WITH_ZIP.format("T1"), "PD1||||||||||||Y", *visit("F1"))
    tell(NO_ZIP.format("T2"), "PD1||||||||||||Y", *visit("F2"))
    tell(NO_ZIP.format("T3"), *visit("F3"))
    assert states(store) == ["held"] * 3
    browser.sign_in("mary")
    address = "/by-hand?of=held&code=protected&deed=release"
    page = plain(shown(browser, address))
    assert "2 requests (2 held)" in page
    assert "1 request of these will stay held, for another reason." in page
    said = plain(do(browser, work, address))
    assert states(store) == ["waiting", "held", "held"]
    assert "released, now waiting" in said
    assert "released, still held for another reason" in said
    assert "Could not be done" not in said, "it is let go, and goes out when the ZIP comes"
    assert browser.audit()[-2:] == [("mary", "release", f"request {n}", None) for n in (1, 2)]


def test_a_message_that_completes_several_requests_leads_to_all_of_them(browser, store, tell, work) -> None:
    for number in ("1", "2"):
        tell(NO_ZIP.format("T1"), *visit(f"F{number}"))
    tell(WITH_ZIP.format("T1"), kind="ADT^A08")
    assert sorted(states(store)).count("waiting") == 2
    rows = [row for row in store.views.requests() if row.message_id == 3]
    assert len(rows) == 2
    browser.sign_in("mary")
    page = shown(browser, "/messages/3")
    assert {f'href="/requests/{row.id}"' in page for row in rows} == {True}
    assert "Composed by it, too: request" in plain(page)
    assert "Composed by it, too" not in plain(shown(browser, "/messages/1"))


def test_a_requests_page_says_who_did_what_to_it(browser, store, tell, work) -> None:
    for number in ("1", "2"):
        tell(WITH_ZIP.format(f"T{number}"), "PD1||||||||||||Y", *visit(f"F{number}"))
    browser.sign_in("mary")
    both = form_of(browser, "/by-hand?of=held&code=protected&deed=release")
    do(browser, work, "/by-hand?id=2&deed=discard", why="asked us not to")
    do(browser, work, "/by-hand?id=2&deed=retry")
    location(browser.get("/by-hand", "POST", tuple(both.items())))
    store.commands.add("release", {"requests": [1], "who": "late"})
    work()
    pages = [plain(shown(browser, f"/requests/{id_}")) for id_ in (1, 2)]
    assert "Released by mary" in pages[0]
    assert "Released by late" not in pages[0], "there was nothing to release any more"
    assert re.search(r"Given up by mary.*Retried by mary.*Released by mary", pages[1])
    assert "Released by mary" in plain(shown(browser, "/messages/1"))


def test_requests_are_given_up_with_a_reason_by_name(browser, store, tell, work) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    tell(NO_ZIP.format("T2"), *visit("F2"))
    browser.sign_in("mary")
    fields = form_of(browser, f"/by-hand?of=held&code={ZIP}&deed=discard")
    assert browser.get("/by-hand", "POST", tuple(fields.items())).status == 400
    assert browser.get("/by-hand", "POST", tuple((fields | {"why": "x" * 501}).items())).status == 400
    said = plain(do(browser, work, "/by-hand?id=1&deed=discard", why="the clinic asked"))
    assert "discarded, for good" in said
    assert states(store) == ["discarded", "held"]
    detail = store.views.request(1)
    assert b"the clinic asked" in detail.detail
    assert b"mary" in detail.detail
    assert browser.audit()[-1] == ("mary", "discard", "request 1", "the clinic asked")


def test_what_can_not_be_sent_again_is_told_before_and_after(browser, store, work) -> None:
    for number in (1, 2):
        put(store, number, "held", ZIP)
    browser.sign_in("mary")
    address = "/by-hand?id=1&id=2&deed=retry"
    page = plain(shown(browser, address))
    assert (
        "Not done to 2 requests: held: it can be done to requests that are dead or discarded or waiting."
        in page
    )
    assert 'name="ids"' not in shown(browser, address), "there is nothing to ask for"
    do(browser, work, "/by-hand?id=1&id=2&deed=discard", why="x")
    address = "/by-hand?id=1&id=2&deed=retry"
    assert "2 requests (2 discarded)" in plain(shown(browser, address))
    said = plain(do(browser, work, address))
    assert re.search(
        r"Could not be done \(2\).* request 1 .*the stored chart of its patient cannot be opened", said
    )


def test_what_somebody_else_gave_up_meanwhile_is_not_sent_again(browser, store, work) -> None:
    put(store, 1, "dead", ZIP)
    browser.sign_in("mary")
    address = "/by-hand?id=1&deed=retry"
    counted = form_of(browser, address)
    do(browser, work, "/by-hand?id=1&deed=discard", why="the patient asked us not to")
    there = location(browser.get("/by-hand", "POST", tuple(counted.items())))
    work()
    assert re.search(r"Could not be done \(1\).* it was given up meanwhile", plain(shown(browser, there)))
    said = plain(do(browser, work, address))
    assert "given up meanwhile" not in said, "it was counted as given up"


def test_a_form_that_is_sent_twice_does_nothing_twice(browser, store, tell, work, woken) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    browser.sign_in("mary")
    fields = tuple(form_of(browser, "/by-hand?id=1&deed=discard", why="x").items())
    first = location(browser.get("/by-hand", "POST", fields))
    before = browser.audit()
    assert location(browser.get("/by-hand", "POST", fields)) == first
    assert browser.audit() == before
    assert len(store.commands.between(1, 99)) == 1
    assert len(woken) == 1


def test_what_was_counted_is_what_is_done(browser, store, tell, work) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    browser.sign_in("mary")
    fields = form_of(browser, f"/by-hand?of=held&code={ZIP}&deed=discard", why="x")
    tell(NO_ZIP.format("T2"), *visit("F2"))
    location(browser.get("/by-hand", "POST", tuple(fields.items())))
    work()
    assert states(store) == ["discarded", "held"]


def test_messages_are_decided_again_after_a_look_at_what_would_change(
    browser, store, tell, work, tmp_path
) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    tell(WITH_ZIP.format("T1"), kind="ADT^A08", decide=False)
    browser.sign_in("mary")
    assert browser.get("/by-hand?id=2&of_messages=yes&deed=reprocess").status == 400, "it is not decided yet"
    work()
    browser.sign_in("mary")
    address = "/by-hand?id=1&of_messages=yes&deed=reprocess"
    page = plain(shown(browser, address))
    assert (
        "1 message is decided again by the rules as they are on the disk now; 1 chart is made anew from 2 messages"
        in page
    )
    said = plain(do(browser, work, address))
    assert "charts rebuilt" in said
    assert "Decide again" in said
    assert browser.audit()[-1] == ("mary", "reprocess", "message 1", None)


def test_a_look_that_finds_no_change_says_so_and_urges_nothing(browser, store, tell) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    browser.sign_in("mary")
    found = browser.get("/by-hand?id=1&of_messages=yes&deed=reprocess").body.decode()
    assert "Nothing would change. Deciding again helps once" in found
    assert 'class="primary"' not in found


def test_only_what_is_held_for_protection_is_told_the_command_that_releases_it(browser, store, tell) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    browser.sign_in("mary")
    found = shown(browser, "/requests/1")
    assert "requests release" not in found
    assert 'class="button danger" href="/by-hand?deed=discard' in found


def test_the_look_shows_each_field_masked_until_patient_data_is_shown(
    browser, store, tell, work, settings, tmp_path
) -> None:
    (tmp_path / "settings.toml").write_text(
        '[site]\nmrn_root = "2.999.1"\nmrn_authority = ["OLD"]\n[[listener]]\nport = 0\n'
    )
    old = load_settings(tmp_path / "settings.toml")
    tell(NO_ZIP.format("T1"), *visit("F1"), decide=False)
    clock = Clock(datetime.fromtimestamp(NOW, UTC))
    assert work_off_if_free(store.presence("work"), store, engine_now(old, store, NOW), clock)
    browser.sign_in("mary")
    page = shown(browser, "/by-hand?id=1&of_messages=yes&deed=reprocess")
    assert "patient.mrn" in plain(page)
    assert "T1" not in plain(page)
    assert "Xxxxxx" in page or "X9" in page
    browser.post("/show", why="to look at it")
    assert "T1" in plain(shown(browser, "/by-hand?id=1&of_messages=yes&deed=reprocess"))
    assert ("mary", "saw", "message 1", None) in browser.audit()
    assert store.commands.between(1, 99) == [], "nothing was asked for"


def test_held_requests_lead_to_their_messages(browser, store, tell) -> None:
    tell(NO_ZIP.format("T1"), *visit("F1"))
    browser.sign_in("mary")
    assert "1 message is decided again" in plain(
        shown(browser, f"/by-hand?of=held&code={ZIP}&deed=reprocess")
    )


def test_the_pages_of_a_request_and_a_message_lead_to_what_can_be_done(browser, tell) -> None:
    tell(NO_ZIP.format("T1"), "PD1||||||||||||Y", *visit("F1"))
    browser.sign_in("mary")
    for page, deeds in (("/requests/1", ["release", "reprocess", "discard"]), ("/messages/1", ["reprocess"])):
        links = [unescape(link) for link in re.findall(r'href="(/by-hand[^"]*)"', shown(browser, page))]
        assert [re.search(r"deed=(\w+)", link)[1] for link in links] == deeds
        for link in links:
            assert f'href="{page}">Back' in shown(browser, link)


def test_large_groups_are_taken_in_portions(browser, store, work, monkeypatch) -> None:
    for number in range(1, 7):
        put(store, number, "held", ZIP)
    monkeypatch.setattr("interface.services.deeds.PORTION", 2)
    monkeypatch.setattr(many_ids, "MOST", 5)
    browser.sign_in("mary")
    address = f"/by-hand?of=held&code={ZIP}&deed=discard"
    page = plain(shown(browser, address))
    assert "5 requests (5 held)" in page
    assert "There are more: these are the oldest 5." in page
    assert "0 of 3 portions" in plain(
        shown(
            browser,
            location(browser.get("/by-hand", "POST", tuple(form_of(browser, address, why="x").items()))),
        )
    )
    work()
    assert states(store) == ["discarded"] * 5 + ["held"]


def test_a_viewer_may_not_and_a_form_of_another_session_is_refused(browser, store) -> None:
    put(store, 1, "held", ZIP)
    browser.sign_in("mary")
    fields = form_of(browser, "/by-hand?id=1&deed=discard", why="x")
    assert browser.get("/by-hand", "POST", tuple((fields | {"csrf": ""}).items())).status == 403
    assert browser.get("/by-hand", "POST", tuple((fields | {"csrf": "0" * 64}).items())).status == 403
    browser.post("/sign-out")
    browser.sign_in("vera")
    assert browser.get("/by-hand?id=1&deed=discard").status == 403
    assert (
        browser.post("/by-hand", **{name: value for name, value in fields.items() if name != "csrf"}).status
        == 403
    )
    assert store.commands.between(1, 99) == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("id=1", 400),
        ("deed=explode&id=1", 400),
        ("deed=retry", 400),
        ("deed=retry&id=x", 400),
        ("deed=retry&id=99", 404),
        ("deed=retry&of=failed&code=x", 400),
        ("deed=reprocess&id=99&of_messages=yes", 404),
        ("deed=reprocess&id=99", 404),
    ],
)
def test_an_address_that_is_none_is_a_clear_error(browser, query: str, status: int) -> None:
    browser.sign_in("mary")
    reply = browser.get(f"/by-hand?{query}")
    assert (reply.status, b"Something went wrong" in reply.body) == (status, False)


@pytest.mark.parametrize(
    "fields",
    [{}, {"deed": "retry"}, {"ids": "!", "deed": "retry", "once": "x"}, {"ids": "1", "deed": "retry"}],
)
def test_a_damaged_form_is_refused(browser, fields: dict[str, str]) -> None:
    browser.sign_in("mary")
    assert browser.post("/by-hand", **fields).status == 400


@pytest.mark.parametrize("path", ["/commands/1/1", "/commands/2/1", "/commands/1/99999"])
def test_commands_that_are_not_there_are_not_found(browser, path: str) -> None:
    browser.sign_in("mary")
    assert browser.get(path).status == 404


def test_thousands_of_ids_fit_a_form_and_come_back_as_they_were() -> None:
    ids = [number * 9_999_991 for number in range(1, 5001)]
    text = many_ids.written(reversed(ids))
    assert len(text) < 40_000
    assert many_ids.read_ids(text) == ids
    assert many_ids.written([]) == ""
    for bad in ("0", "a..b", "A", "-1", "1." * 5001, "zzzzzzzzzzzzzz"):
        with pytest.raises(RefusedError):
            many_ids.read_ids(bad)
