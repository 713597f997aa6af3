"""Every fault of a settings file is one line: file, line, key, what to do."""

from pathlib import Path

import pytest

from interface.settings import SettingsError, load_settings, parse_settings

FILE = Path("site.toml")


def faults(text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text, FILE)
    return str(caught.value).splitlines()


CASES = [
    ('[site]\nenviroment = "x"', 'site.toml:2: [site] enviroment: unknown key; did you mean "environment"?'),
    ("[sites]\n", "site.toml:1: [sites]: unknown section; did you mean [site]?"),
    ("[zzz]\n", "site.toml:1: [zzz]: unknown section; there are [site], [[listener]]"),
    ("[api]\nport = 1", "site.toml:2: [api] port: unknown key; it belongs in [[listener]] or [web]"),
    (
        "[web]\nzzz = 1",
        "site.toml:2: [web] zzz: unknown key; there are host, port, console, tls_certificate, tls_key",
    ),
    (
        '[site]\nenvironment = "Prodction"',
        'site.toml:2: [site] environment: must be one of "sandbox", "staging", "production-test", '
        '"production"; did you mean "production"?',
    ),
    ("[site]\nname = 3", "site.toml:2: [site] name: must be text in quotes"),
    ('[site]\nname = "a\\u001b[2J"', "site.toml:2: [site] name: must not hold control characters"),
    ('[site]\nmrn_root = "1..2"', "site.toml:2: [site] mrn_root: is not a well-formed OID"),
    ('[site]\nmrn_authority = "LFC"', "site.toml:2: [site] mrn_authority: must be a list in brackets"),
    (
        '[site]\ntimezone = "America/Chicgo"',
        'site.toml:2: [site] timezone: unknown time zone; did you mean "America/Chicago"?',
    ),
    ('[site]\ntimezone = "../../etc/passwd"', "site.toml:2: [site] timezone: unknown time zone"),
    (
        '[site]\ntimezone = ""',
        "site.toml:2: [site] timezone: unknown time zone; write it as in America/Chicago",
    ),
    (
        '[log]\nformat = "jsn"',
        'site.toml:2: [log] format: must be one of "text", "json"; did you mean "json"?',
    ),
    (
        '[log]\nlevel = "INFO"',
        'site.toml:2: [log] level: must be one of "debug", "info", "warning", "error"; did you mean "info"?',
    ),
    ("site = 3", "site.toml:1: [site]: must be a section of its own: [site]"),
    (
        "[listener]\nport = 1",
        "site.toml:1: [[listener]]: needs double brackets: [[listener]], once for each feed",
    ),
    ("listener = []", "site.toml:1: [[listener]]: there must be at least one"),
    ('[[listener]]\nport = "2575"', "site.toml:2: [[listener]] port: must be a whole number, without quotes"),
    ("[[listener]]\nport = 65536", "site.toml:2: [[listener]] port: must be 65535 or less"),
    (
        '[[listener]]\nhost = "example.org"',
        "site.toml:2: [[listener]] host: must be an address of this machine",
    ),
    (
        '[[listener]]\nallow = ["10.20.0.7/16"]',
        "site.toml:2: [[listener]] allow: names an address within a network; write 10.20.0.0/16 or 10.20.0.7",
    ),
    ('[[listener]]\nallow = ["lan"]', "site.toml:2: [[listener]] allow: is not an address or network"),
    ('[[listener]]\ncharset = "klingon"', "site.toml:2: [[listener]] charset: unknown character set"),
    (
        "[[listener]]\nmax_message_bytes = 10",
        "site.toml:2: [[listener]] max_message_bytes: must be 1024 or more",
    ),
    ("[[listener]]\nframe_seconds = 0", "site.toml:2: [[listener]] frame_seconds: must be more than 0"),
    ("[[listener]]\nframe_seconds = nan", "site.toml:2: [[listener]] frame_seconds: "),
    (
        '[[listener]]\nack = "none"',
        'site.toml:2: [[listener]] ack: must be one of "auto", "original", "enhanced"',
    ),
    ('[[listener]]\nname = "a b"', "site.toml:2: [[listener]] name: must be a short name"),
    (
        '[[listener]]\nname = "adt"\n[[listener]]\nname = "adt"\nport = 2576',
        'site.toml:4: [[listener]] name: "adt" is used twice; give each listener its own name',
    ),
    (
        '[[listener]]\nname = "a"\n[[listener]]\nname = "b"\nhost = "0.0.0.0"\nport = 2575',
        'site.toml:6: [[listener]] port: 2575 is already used by listener "a"; give each its own port',
    ),
    (
        "[web]\nport = 2575",
        'site.toml:2: [web] port: 2575 is already used by listener "main"; give each its own',
    ),
    (
        '[web]\nhost = "0.0.0.0"',
        "site.toml:2: [web] host: the console would be open to other machines over plain",
    ),
    ('[web]\ntls_key = "a.key"', "site.toml:2: [web] tls_key: needs tls_certificate, too"),
    ("[api]\nversion = 3", "site.toml:2: [api] version: must be 1 or 2, without quotes"),
    ('[api]\nbase_url = "http://example.org"', "site.toml:2: [api] base_url: must be http://127.0.0.1:PORT"),
    (
        '[forward]\n"ADT^A28" = "drop"',
        'site.toml:2: [forward] ADT^A28: must be one of "post", "chart", "ignore"',
    ),
    (
        '[forward]\n"adt^a28" = "chart"',
        "site.toml:2: [forward] adt^a28: unknown key; a message type is written as in",
    ),
    ('[forward]\n"message types" = []', "site.toml:1: [forward]: unknown key"),
    (
        '[forward]\nwithout_date = "post"',
        'site.toml:2: [forward] without_date: "post" needs [api] version = 2',
    ),
    ("[api]\nbatch = 10", "site.toml:2: [api] batch: needs [api] version = 2"),
    ("[api]\nversion = 2\nbatch = 2501", "site.toml:3: [api] batch: must be 2500 or less"),
    (
        '[request]\nresponse_fax_number = "312-555-0142"',
        "[request] response_fax_number: must be exactly ten digits",
    ),
    ('[request]\nclinic_npi = "12345"', "site.toml:2: [request] clinic_npi: must be exactly ten digits"),
    (
        '[request]\nclinic_name = "A;B"',
        "site.toml:2: [request] clinic_name: must not hold any of the characters",
    ),
    (
        '[request]\nresponse_direct_address = "x"',
        "[request] response_direct_address: must be a Direct address",
    ),
    (
        '[request]\ndiagnostic_categories = ["renall"]',
        'diagnostic_categories: must be one of the API\'s names; did you mean "renal"?',
    ),
    ("[request]\nsummary_months = 24", "site.toml:2: [request] summary_months: needs diagnostic_categories"),
    (
        "[forward]\nsend_days_before = 400",
        "site.toml:2: [forward] send_days_before: must be 365 or less",
    ),
    ("[forward]\nsend_days_before = -1", "site.toml:2: [forward] send_days_before: must be 0 or more"),
    ("[forward]\nsend_days_before = 1.5", "site.toml:2: [forward] send_days_before:"),
    (
        '[store]\nurl = "sqlite://"',
        "site.toml:2: [store] url: must be sqlite:///PATH or postgresql+psycopg://",
    ),
    (
        '[store]\nurl = "postgresql+psycopg://u:hunter2@h/d"',
        "site.toml:2: [store] url: must not hold the password",
    ),
    (
        '[store]\nurl = "postgresql+psycopg://u@h/d?password=hunter2"',
        "site.toml:2: [store] url: must not hold the password",
    ),
    (
        '[store]\nurl = "postgresql+psycopg://u@h/d"\npassword = "hunter2"',
        "site.toml:3: [store] password: must say where the password is kept",
    ),
    ('[store]\nurl = "sqlite:///:memory:"', "site.toml:2: [store] url: must be sqlite:///PATH"),
    (
        '[[listener]]\nname = "load"',
        'site.toml:2: [[listener]] name: "load" is what the history of the command',
    ),
    ("[store]\njournal_days = -1", "site.toml:2: [store] journal_days: must be 0 or more"),
    (
        '[filters]\ntest_patient_pattern = "("',
        "site.toml:2: [filters] test_patient_pattern: is not a regular expression",
    ),
    (
        '[filters]\ntest_patient_pattern = "^ZZ|"',
        "site.toml:2: [filters] test_patient_pattern: fits every text",
    ),
    ("[api]\nversion = true", "site.toml:2: [api] version: must be 1 or 2, without quotes"),
    ("[api]\nversion = 1.0", "site.toml:2: [api] version: must be 1 or 2, without quotes"),
    ("[api]\ntimeout_seconds = nan", "site.toml:2: [api] timeout_seconds: must be a number, not inf or nan"),
    ('[webhooks]\npath = "/metrics"', "site.toml:2: [webhooks] path: is taken by the product itself"),
    ('[webhooks]\npath = "hooks"', "site.toml:2: [webhooks] path: must be a path such as"),
    ('[webhooks]\ntls_key = "k.pem"', "site.toml:2: [webhooks] tls_key: needs tls_certificate, too"),
    ('[webhooks]\ntls_certificate = "c.pem"', "site.toml:2: [webhooks] tls_certificate: needs tls_key, too"),
    (
        '[webhooks]\nhost = "0.0.0.0"',
        "site.toml:2: [webhooks] host: needs a port of its own, or tls_certificate",
    ),
    (
        '[webhooks]\nhost = "0.0.0.0"\nport = 8027',
        "site.toml:2: [webhooks] host: would be taken over plain http on 0.0.0.0, where others can listen in: set",
    ),
    (
        '[web]\nhost = "0.0.0.0"\nconsole = false\n[webhooks]\npath = "/hooks"',
        "site.toml:5: [webhooks] path: would be taken over plain http on 0.0.0.0, where others can listen in: set",
    ),
    ('[webhooks]\nsecret = "sesame"', "site.toml:2: [webhooks] secret: must say where the secret is kept"),
    ('[webhooks]\nallow = ["anyone"]', "site.toml:2: [webhooks] allow: is not an address or network"),
    ("[webhooks]\nper_minute = 0", "site.toml:2: [webhooks] per_minute: must be 1 or more"),
    (
        "[web]\nport = 8027\n[webhooks]\nport = 8027",
        "site.toml:4: [webhooks] port: 8027 is already used by [web]",
    ),
    ('[site]\nenvironment = "staging"', "site.toml:1: [site] mrn_root: missing"),
    # not TOML
    (
        '[site]\nname = "a"\nname = "b"',
        "site.toml:3: not readable as TOML: Cannot overwrite a value; the key is there twice",
    ),
    (
        "[site]\n[site]",
        "site.toml:2: not readable as TOML: Cannot declare ('site',) twice; the section is there twice",
    ),
    ("[site]\nname = Lakeside", "site.toml:2: not readable as TOML: Invalid value; text needs quotes"),
    (
        '[forward]\nADT^A28 = "chart"',
        "site.toml:2: not readable as TOML: Expected '=' after a key in a key/value pair; write",
    ),
    ('[site]\nname = "a\n', "site.toml:2: not readable as TOML: "),
    ('[site]\nname = "C:\\keys"', "write a backslash in single quotes"),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text.replace("\n", " ")[:40] for text, _ in CASES])
def test_a_fault_is_one_line_with_its_place_and_what_to_do(text: str, expected: str) -> None:
    lines = faults(text)
    assert len(lines) == 1, lines
    assert expected in lines[0]


def test_all_faults_are_told_at_once_in_the_order_of_the_file() -> None:
    lines = faults('[api]\nversion = 9\n[site]\nnam = "x"\ntimezone = "x"\n')
    assert [line.split(": ")[0] for line in lines] == ["site.toml:2", "site.toml:4", "site.toml:5"]


@pytest.mark.parametrize(
    "key",
    ["sk_live_SECRET", "", "env:", "env:A B", "file:", "credential:../SECRET", "vault:SECRET", "ENV:SECRET"],
)
def test_a_key_written_into_the_settings_is_refused_and_not_repeated(key: str) -> None:
    for section in ("api", "store"):
        lines = faults(f'[{section}]\nkey = "{key}"')
        assert lines == [
            f"site.toml:2: [{section}] key: must say where the key is kept (env:NAME, file:PATH or "
            f"credential:NAME), never the key itself"
        ]


def test_no_value_of_an_unknown_key_or_a_store_url_is_repeated() -> None:
    text = "\n".join(faults('[api]\napikey = "SECRET"\n[store]\nurl = "mysql://u:SECRET@h/d"'))
    assert "SECRET" not in text


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"nothing\.toml: cannot be read: No such file .*; `hl7-interface init"
    ):
        load_settings(tmp_path / "nothing.toml")


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: Is a directory"):
        load_settings(tmp_path)


def test_a_file_that_is_not_utf_8_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b'[site]\nname = "Caf\xe9"\n')
    with pytest.raises(SettingsError, match=r"s\.toml:2: is not UTF-8 text"):
        load_settings(path)


def test_a_file_of_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b'\xef\xbb\xbf[site]\r\nname = "Lakeside"\r\n')
    assert load_settings(path).site.name == "Lakeside"


def test_the_fault_of_a_windows_file_has_the_right_line(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b'\xef\xbb\xbf[site]\r\n\r\nnam = "Lakeside"\r\n')
    with pytest.raises(SettingsError, match=r"s\.toml:3: \[site\] nam"):
        load_settings(path)
