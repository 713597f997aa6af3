"""A slip in a site's overlay folder is one line: file, line, what, and the nearest valid name."""

from __future__ import annotations

import os
import re

import pytest

from interface.rules import RuleError, load_rulebook

NPI = "1234567893"


def make(tmp_path, files, **more):
    folder = tmp_path / "site-mappings"
    folder.mkdir()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_rulebook(folder, shown="site-mappings", **more)


def rule(text):
    return {"patient.yaml": f"rules:\n  # ours\n  {text}\n"}


@pytest.mark.parametrize(
    ("files", "error"),
    [
        # rules
        (
            rule("gendre: {table: sex}"),
            "patient.yaml:3: gendre: no shipped rule of patient.yaml has this name; did you mean 'gender'?",
        ),
        (
            rule("x: {field: patient.gendre, from: [PID-8]}"),
            "patient.yaml:3: x: unknown field 'patient.gendre'; did you mean 'patient.gender'?",
        ),
        (
            rule("gender: {from: [PID-0]}"),
            "patient.yaml:3: gender: 'PID-0' is no HL7 path; write it as PID-5 or PID-5.1",
        ),
        (
            rule("gender: {from: [PDI-8]}"),
            "patient.yaml:3: gender: 'PDI-8' leads nowhere: HL7 has no segment PDI; did you mean '",
        ),
        (
            rule("gender: {from: [PID-99]}"),
            "patient.yaml:3: gender: 'PID-99' leads nowhere: PID has 40 fields",
        ),
        (rule("gender: {from: []}"), "patient.yaml:3: gender: 'from:' names no path"),
        (rule("gender: {table: sx}"), "patient.yaml:3: gender: no table 'sx'; did you mean 'sex'?"),
        (
            rule("gender: {tabel: sex}"),
            "patient.yaml:3: gender: unknown key 'tabel'; did you mean 'table'?",
        ),
        (rule("gender: {type: cod}"), "patient.yaml:3: gender: unknown type 'cod'; did you mean 'code'?"),
        (
            rule("name: {type: text}"),
            "patient.yaml:3: name: type: 'text' yields no value for patient.name; person_name can",
        ),
        (
            rule("birth_date: {type: text}"),
            "patient.yaml:3: birth_date: type: 'text' yields no value for patient.birthDate; date, birth_date,",
        ),
        (
            rule("gender: {unknown: OTHR}"),
            "patient.yaml:3: gender: unknown: 'OTHR' is none of MALE, FEMALE, OTHER, UNKNOWN; did you mean 'OTHER'?",
        ),
        (rule("gender: [PID-8]"), "patient.yaml:3: gender: a rule is a list of 'key: value'"),
        (
            rule("gender: {field: patient.name}"),
            "patient.yaml:3: gender: the shipped rule 'gender' has field: patient.gender; give yours another name",
        ),
        (
            {"patient.yaml": "rules:\n  gender: {from: [PID-8]}\n  gender: {from: [PID-8]}\n"},
            "patient.yaml:3: 'gender' stands twice (first on line 2); keep one",
        ),
        (
            {
                "a.yaml": "rules:\n  a: {field: patient.gender, from: [PID-8]}\n"
                "  b: {field: patient.gender, from: [ZZ1-1]}\n"
            },
            "a.yaml:3: b: 'patient.gender' is filled by another rule already (site-mappings/a.yaml#a)",
        ),
        (
            {"a.yaml": "rules:\n  a: {field: problem.codings, from: [DG1-3]}\n"},
            "a.yaml:2: a: 'problem.codings' needs 'each:': DG1, PRB or a Z-segment",
        ),
        (
            {"a.yaml": "rules:\n  a: {each: ZP, field: problem.codings, from: [DG1-3]}\n"},
            "a.yaml:2: a: each: 'ZP' is unknown",
        ),
        (
            {"a.yaml": "rules:\n  a: {each: ZPL, field: problem.codngs, from: [ZPL-3]}\n"},
            "a.yaml:2: a: unknown field 'problem.codngs'; did you mean 'problem.codings'?",
        ),
        (
            {"a.yaml": "rules:\n  a: {each: ZPL, field: problem.date, from: [ZPL-3]}\n"},
            "a.yaml:2: nothing comes of ZPL without a rule for problem.codings",
        ),
        (
            {
                "a.yaml": "rules:\n  a: {each: ZPL, field: problem.codings, from: [ZPL-3]}\n"
                "  b: {each: ZPL, field: order.status, from: [ZPL-4]}\n"
            },
            "a.yaml:2: ZPL can't list problems and medications; use two Z-segments",
        ),
        (rule("gender: {snapshot: true}"), "patient.yaml:3: gender: 'snapshot:' belongs to the rule for"),
        (rule("gender: {off: maybe}"), "patient.yaml:3: gender: 'off:' is true or false"),
        (rule("mrn: {pad_to: many}"), "patient.yaml:3: mrn: pad_to: is a number of digits, at most 50"),
        (
            rule("mrn: {pad_to: 8, strip_leading_zeros: true}"),
            "patient.yaml:3: mrn: pad_to: can't go with strip_leading_zeros",
        ),
        (
            {"patient.yaml": "rulez:\n  x: {}\n"},
            "patient.yaml:1: mapping file: unknown key 'rulez'; did you mean 'rules'?",
        ),
        ({"patient.yaml": ""}, "patient.yaml:1: nothing is in it; take the file away, or fill it"),
        ({"patient.yaml": "rules: [\n"}, "patient.yaml:2: not YAML"),
        ({"patient.yaml": b"rules:\n  x\xff"}, "patient.yaml:2: not UTF-8 text; save it as UTF-8"),
        ({"patient.yaml": "rules:\n  \x01: 3\n"}, "patient.yaml:2: not YAML"),
        ({"patient.yaml": "rules: &a\n  x: *a\n"}, "patient.yaml:"),
        # senders
        (
            rule("g: {field: patient.gender, from: [ZA1-1], for: {aplication: X}}"),
            "patient.yaml:3: g: for: unknown key 'aplication'; did you mean 'application'?",
        ),
        (
            rule("g: {field: patient.gender, from: [ZA1-1], for: EPIC}"),
            "patient.yaml:3: g: write for: as {application: NAME}",
        ),
        (
            rule("g: {field: patient.gender, from: [ZA1-1], for: {application: []}}"),
            "patient.yaml:3: g: for: application: is a name or a list of names",
        ),
        (
            rule("g: {field: patient.gender, from: [ZA1-1], for: {listener: pharmcy}}"),
            "patient.yaml:3: g: no listener 'pharmcy'; did you mean 'pharmacy'?",
        ),
        (
            {
                "a.yaml": "rules:\n  a: {field: patient.gender, from: [ZA1-1], for: {application: [X, Y]}}\n"
                "  b: {field: patient.gender, from: [ZA2-1], for: {application: y}}\n"
            },
            "a.yaml:3: b: 'patient.gender' is filled for the same by site-mappings/a.yaml#a; 'for:' must tell",
        ),
        # values
        (
            {
                "request.yaml": "rules:\n  c: {field: directives.diagnosticCategories, type: fixed, value: [cardio]}\n"
            },
            "request.yaml:2: c: value: unknown category 'cardio'; did you mean 'cardiovascular'?",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: batchld, type: fixed, value: x}\n"},
            "request.yaml:2: c: no setting fills 'batchld'; did you mean 'batchId'?",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: clinicNpi, type: fixed, value: 12}\n"},
            "request.yaml:2: c: value: must be exactly ten digits",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: appointment.sendDaysBefore, type: fixed, value: 400}\n"},
            "request.yaml:2: c: value: must be a number of days, 0 to 365; 0: at once",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: appointment.sendDaysBefor, type: fixed, value: 4}\n"},
            "request.yaml:2: c: no setting fills 'appointment.sendDaysBefor'; did you mean 'appointment.sendDaysBefore'?",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: patient.mrn.root, type: fixed, value: 2.999}\n"},
            "request.yaml:2: c: set site.mrn_root, or give mrn_roots.csv the authority's root",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: batchId, type: fixed, value: x, when: {clinc: A}}\n"},
            "request.yaml:2: c: when: unknown key 'clinc'; did you mean 'clinic'?",
        ),
        (
            {"request.yaml": "rules:\n  c: {field: batchId, type: fixed, value: x, for: {application: A}}\n"},
            "request.yaml:2: c: a request's own values know no sender; say for which appointments with 'when:'",
        ),
        (
            rule("gender: {when: {clinic: A}}"),
            "patient.yaml:3: gender: 'when:' is for 'type: fixed'; a message's sender is told by 'for:'",
        ),
        # messages
        (
            {"messages.yaml": "events:\n  ADT^A04: {dose: chart}\n"},
            "messages.yaml:2: ADT^A04: unknown key 'dose'; did you mean 'does'?",
        ),
        (
            {"messages.yaml": "events:\n  ADT^A04: {does: chrt}\n"},
            "messages.yaml:2: ADT^A04: does: 'chrt' is none of post, chart, cancel, ignore; did you mean 'chart'?",
        ),
        ({"messages.yaml": "events:\n  A04: {does: chart}\n"}, "messages.yaml:2: 'A04' is no message type"),
        (
            {"messages.yaml": "events:\n  ADT^A40: {does: post}\n"},
            "messages.yaml:2: ADT^A40: it says whose chart things are in; only 'does: ignore' is possible",
        ),
        (
            {"messages.yaml": "events:\n  RDE^O11: {does: post}\n"},
            "messages.yaml:2: RDE^O11: does: 'post' needs 'about: appointment' or 'about: visit'",
        ),
        ({"messages.yaml": "default: {does: chart}\n"}, "messages.yaml:1: messages: unknown key 'default'"),
        # tables
        (
            {"tables/sex.csv": "code,value\nM,MALE\nB,MALEE\n"},
            "tables/sex.csv:3: table sex: 'MALEE' is none of MALE, FEMALE, OTHER, UNKNOWN; did you mean 'MALE'?",
        ),
        (
            {"tables/sex.yaml": "rows:\n  B: MALE\n  b: MALE\n"},
            "tables/sex.yaml:3: 'b' is the same code as on line 2",
        ),
        ({"tables/sex.csv": "code,value\nB\n"}, "tables/sex.csv:2: 'B' has no value"),
        ({"tables/sex.csv": "kode,value\nB,MALE\n"}, "tables/sex.csv:2: the column 'code' is missing"),
        ({"tables/sex.csv": ""}, "tables/sex.csv:1: empty; the first row is the header: code,value"),
        (
            {"tables/sx.csv": "code,value\nB,MALE\n"},
            "tables/sx.csv:1: no rule names the table 'sx'; did you mean 'sex'?",
        ),
        ({"tables/our.csv": "code,value\n"}, "tables/our.csv:1: no rule names the table 'our'"),
        (
            {"tables/our.csv": "code,value\nB,MALEE\n", **rule("gender: {table: our}")},
            "tables/our.csv:2: table our: 'MALEE' is none of MALE",
        ),
        (
            {"tables/sex.csv": "code,value\nB,MALE\n", "tables/sex.yaml": "rows: {C: MALE}\n"},
            "tables/sex.yaml:1: the table sex is there already, in another file; keep one",
        ),
        (
            {"tables/drug_systems.csv": "code,key,old\nX,RXNORM,2.16\n"},
            "tables/drug_systems.csv:2: table drug_systems: unknown column 'old'; did you mean 'oid'?",
        ),
        (
            {"tables/provider_roles.csv": "code,value\nX,first\n"},
            "tables/provider_roles.csv:2: table provider_roles: 'first' is no number",
        ),
        (
            {"tables/sex.yaml": "replace: yes please\nrows: {C: MALE}\n"},
            "tables/sex.yaml:1: replace: is true or false",
        ),
        ({"tables/sex.yaml": "rows: {}\n"}, "tables/sex.yaml:1: a table needs 'rows:'"),
        ({"tables/sex.txt": ""}, "tables/sex.txt:1: a table is a .yaml or .csv file"),
        # lists
        (
            {"providers.csv": f"id,npi\nD1,{NPI}\nD2,1234567890\n"},
            "providers.csv:3: npi: fails the check digit; it is no NPI",
        ),
        ({"providers.csv": "id,npi\nD1,12345\n"}, "providers.csv:2: npi: must be ten digits"),
        (
            {"providers.csv": f"id,npi\nD1,{NPI}\nd1,{NPI}\n"},
            "providers.csv:3: this id stands twice (first on line 2); keep one",
        ),
        (
            {"providers.csv": f"id,nip\nD1,{NPI}\n"},
            "providers.csv:1: unknown column 'nip'; did you mean 'npi'?",
        ),
        ({"providers.csv": "id\nD1\n"}, "providers.csv:1: the column 'npi' is missing"),
        ({"providers.csv": "id,npi\nD1,\n"}, "providers.csv:2: npi is missing"),
        (
            {"providers.csv": f"id,npi,family,given\nD1,{NPI},Quill, Jr,Avery\n"},
            "providers.csv:2: 5 values, but the header has 4 columns",
        ),
        ({"providers.csv": f'id,npi\n"D1,{NPI}\n'}, "providers.csv:2: not CSV: a double quote is opened"),
        (
            {"providers.csv": f"id,npi,family\nD1,{NPI},Qui<ll\n"},
            "providers.csv:2: family: holds one of",
        ),
        (
            rule("gender: {from: [PID-8], for: {message: ADTA08}}"),
            "patient.yaml:3: gender: for: 'ADTA08' is no message type; write it as ADT or ADT^A08",
        ),
        (
            {"tables/timing.yaml": "rows:\n  Q5D: {frequencyValue: 5}\n"},
            "tables/timing.yaml:2: table timing: frequencyValue alone is no interval; "
            "it needs both frequencyValue and frequencyUnit",
        ),
        (
            {"tables/timing.csv": "code,timingEvent,frequencyValue,frequencyUnit\nQ5D,BID,5,d\n"},
            "tables/timing.csv:2: table timing: a timing is an event or an interval, not both",
        ),
        (
            {"tables/routes.csv": "sent,code,name\n,C38288,Oral\nX,C38288,Oral\n"},
            "tables/routes.csv:2: the column 'sent' is missing or empty; the first row is the header: sent,code,name",
        ),
        ({"locations.csv": "location,name\nA,X\na,Y\n"}, "locations.csv:3: this location stands twice"),
        (
            {"locations.csv": "location,name\nA,\n"},
            "locations.csv:2: a location needs a name, an npi or both",
        ),
        (
            {"mrn_roots.csv": "authority,root\nA,2.999.\n"},
            "mrn_roots.csv:2: root: is no well-formed OID",
        ),
        (
            {"withhold.csv": "system,code\nICD1O,F10\n"},
            "withhold.csv:2: unknown system 'ICD1O'; did you mean 'ICD10'?",
        ),
        (
            {"withhold.csv": "system,code\nNDC,0054017613\n"},
            "withhold.csv:2: code: write an NDC as eleven digits, or with its dashes",
        ),
        (
            {"withhold.csv": "system,code,prefix\nICD10,F10,F1\n"},
            "withhold.csv:2: a row has a code, or a prefix such as F10*",
        ),
        (
            {"withhold.csv": "system,code\nICD10,F*1\n"},
            "withhold.csv:2: code: a * stands at the end, behind a beginning",
        ),
        ({"withhold.csv": "system,code\nany,*\n"}, "withhold.csv:2: code: a * stands at the end"),
        (
            {"withhold.csv": "system,code\nICD10,F10-F19\n"},
            "withhold.csv:2: code: no code of ICD-10 has this form; a row has one code, or a beginning such as F10*",
        ),
        (
            {"withhold.csv": "code\nF10-F19\n"},
            "withhold.csv:2: code: this is no code; a row has one code, or a beginning such as F10*",
        ),
        (
            {"withhold.csv": "system,code\nICD10,T40.1X1A\nICD10,F10 *\nICD10,F10.x\n"},
            "withhold.csv:4: code: the x stands for nothing; a row has one code, or a beginning such as F10*",
        ),
        (
            {"withhold.csv": "system,prefix\nICD10,HIV\n"},
            "withhold.csv:2: prefix: no code of ICD-10 begins so; a row has one code, or a beginning",
        ),
        *(
            (
                {"withhold.csv": f"system,code\nNDC,{code}*\n"},
                "withhold.csv:2: code: no code of NDC begins so; a row has one code, or a beginning",
            )
            for code in (
                "methadone",
                "054-4570",
                "0054-457-2",
                "00054-45700",
                "0054-4570-25-1",
                "000544570251",
            )
        ),
        (
            {"withhold.csv": "system,code\nICD9,42\n"},
            "withhold.csv:2: code: no code of ICD-9 has this form; a spreadsheet takes zeros off (042, not 42)",
        ),
        (
            {"withhold.csv": "system,code\nRXNORM,methadone\n"},
            "withhold.csv:2: code: no code of RxNorm has this form; a row has one code",
        ),
        (
            {"opt_out.csv": "mrn\nT1\nt1\n"},
            "opt_out.csv:3: this number stands twice (first on line 2); keep one",
        ),
        (
            {"opt_out.csv": "mrn\nT1\n", "tables/opt_out.yaml": "rows: [{mrn: T2}]\n"},
            "tables/opt_out.yaml:1: the list opt_out is there already, in another file; keep one",
        ),
        (
            {
                "l.yaml": "rules:\n  a: {each: ZMD, field: medication.nameCode, from: [ZMD-3], system: RXNROM}\n"
            },
            "l.yaml:2: a: table drug_systems has no coding system 'RXNROM'; did you mean 'RXNORM'?",
        ),
        (
            {"ours.yaml": "rules:\n  mrn: {pad_to: 8}\n"},
            "ours.yaml:2: mrn: no shipped rule of ours.yaml has this name; patient.yaml has one: write it into a file of "
            "that name",
        ),
        (
            {"appointment.yaml": "rules:\n  provider: {only_roles: [AT]}\n"},
            "appointment.yaml:2: provider: only_roles: says which of ROL and PRT count, and 'from:' has neither",
        ),
        # lists of some senders
        (
            {
                "l.yaml": "rules:\n  b: {each: ZPL, field: problem.date, from: [ZPL-3], for: {application: A}}\n"
            },
            "l.yaml:2: nothing comes of ZPL without a rule for problem.codings",
        ),
        (
            {
                "l.yaml": "rules:\n"
                "  b: {each: ZPL, field: problem.codings, from: [ZPL-3], for: {application: A}}\n"
                "  c: {each: ZPL, field: medication.nameCode, from: [ZPL-3], for: {facility: A}}\n"
            },
            "l.yaml:2: ZPL can't list problems and medications; use two Z-segments",
        ),
        # a key of the shipped rule that no longer fits: it is the site's rule that is to be mended
        (
            rule("gender: {type: fixed, value: MALE}"),
            "patient.yaml:3: gender: 'patient.gender' takes no fixed value",
        ),
        (
            {"request.yaml": "rules:\n  batch_id: {type: text, from: [PV1-3]}\n"},
            "request.yaml:2: batch_id: 'batchId' is read of no message: it comes from the settings, or by 'type: fixed'",
        ),
        (
            {"request.yaml": "rules:\n  summary_period:\n    value: 3\n"},
            "request.yaml:3: summary_period: value: is that of a rule with 'type: fixed'",
        ),
        (
            {"request.yaml": "rules:\n  batch_id:\n    tabel: x\n"},
            "request.yaml:3: batch_id: unknown key 'tabel'",
        ),
        # whose messages
        (
            {"appointment.yaml": "rules:\n  date: {only: [SIU, SUI]}\n"},
            "appointment.yaml:2: date: only: no messages of type 'SUI' are read; did you mean 'SIU'?",
        ),
        (
            {"appointment.yaml": "rules:\n  date: {for: {message: ATD^A08}}\n"},
            "appointment.yaml:2: date: for: no messages of type 'ATD' are read; did you mean 'ADT'?",
        ),
        # what spreadsheets and editors do
        (
            {"opt_out.csv": "mrn\n1.23457E+11\n"},
            "opt_out.csv:2: mrn: a spreadsheet has shortened the number; format the column as text, and enter it again",
        ),
        (
            {"providers.csv": 'id,npi\nD1,"1,23E+09"\n'},
            "providers.csv:2: npi: a spreadsheet has shortened the number to 1,23E+09; format the column as text",
        ),
        (
            {"patient.yaml": "rules:\n\tgender:\n\t\tfrom: [PID-8]\n"},
            "patient.yaml:2: not YAML: a tab; lines are indented by blanks",
        ),
        (
            {"patient.yaml": "# rules:\n"},
            "patient.yaml:1: nothing is in it; take the file away, or fill it",
        ),
        # files
        ({"provider.csv": "id,npi\n"}, "provider.csv:1: unknown file; did you mean 'providers.csv'?"),
        ({"sex.csv": "code,value\n"}, "sex.csv:1: unknown file; a code table belongs in tables/"),
        ({"patient.yml": "rules:\n"}, "patient.yml:1: unknown file; did you mean 'patient.yaml'?"),
        ({"table/sex.csv": "code,value\n"}, "table:1: unknown folder; did you mean 'tables'?"),
        ({"notes.docx": ""}, "notes.docx:1: unknown file; rules are .yaml files"),
    ],
)
def test_a_slip_is_told_with_file_line_and_the_nearest_name(tmp_path, files, error):
    with pytest.raises(RuleError) as caught:
        make(tmp_path, files, listeners=["main", "pharmacy"])
    told = str(caught.value)
    assert told.startswith(f"site-mappings/{error}"), told
    assert "\n" not in told
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", ["opt_out.csv", "tables/sex.yaml"])
def test_a_pipe_in_the_folder_is_refused_and_not_waited_for(tmp_path, name):
    (tmp_path / "site-mappings" / "tables").mkdir(parents=True)
    os.mkfifo(tmp_path / "site-mappings" / name)
    with pytest.raises(RuleError, match=f"site-mappings/{re.escape(name)}:1: is no file that could be read"):
        load_rulebook(tmp_path / "site-mappings", shown="site-mappings")


@pytest.mark.parametrize(
    "files",
    [
        {"opt_out.csv": "T1001\nT1002\n"},
        {"opt_out.csv": "T1001,x\n"},
        {"opt_out.csv": "mrn\nT1001,x,y\n"},
        {"opt_out.csv": "mrn\nT1001\nT1001\n"},
        {"opt_out.csv": 'mrn\n"T1001\n'},
        {"tables/opt_out.yaml": "rows:\n  T1001: {reason: x}\n  T1001: {reason: x}\n"},
        {"tables/opt_out.yaml": "rows:\n  T1001: {reasn: x}\n"},
        {"tables/opt_out.yaml": "rows: {T1001: ]\n"},
    ],
)
def test_what_is_wrong_with_the_list_of_who_opted_out_quotes_nobodys_number(tmp_path, files):
    with pytest.raises(RuleError) as caught:
        make(tmp_path, files)
    assert "1001" not in str(caught.value)
    assert ":" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"\ufeffid,npi,family,given\r\n# ours\r\n\r\nD42,{NPI},Quill,Avery\r\n",
        f"id;npi;family;given\nD42;{NPI};Quill;Avery\n",
        f"ID\tNPI\tGiven\tFamily\nD42\t{NPI}\tAvery\tQuill\n",
        f'npi, id , "family", given,note\n{NPI}, "D42","Quill", Avery,"a note,\nof # two lines"\n',
        f"id,npi,family,given\rD42,{NPI},Quill,Avery",
        f"# exported\n\nid,npi,family,given,,\n,,,\nD42,{NPI},Quill,Avery,,\n",
    ],
)
def test_csv_as_spreadsheets_write_it(tmp_path, text):
    row = make(tmp_path, {"providers.csv": text}).site.provider("d42")
    assert row is not None
    assert (row.npi, row.family, row.given) == (NPI, "Quill", ("Avery",))


@pytest.mark.parametrize(
    "text",
    [
        f"rows:\n  D42: {{npi: {NPI}, family: Quill, given: Avery}}\n",
        f"rows:\n  - {{id: D42, npi: '{NPI}', family: Quill, given: Avery}}\n",
    ],
)
def test_a_list_as_yaml_among_the_tables(tmp_path, text):
    row = make(tmp_path, {"tables/providers.yaml": text}).site.provider("D42")
    assert row is not None
    assert (row.npi, row.rule) == (NPI, "site-mappings/providers.yaml#D42")


def test_codes_are_read_as_written(tmp_path):
    files = {
        "tables/withhold.yaml": "rows: [{system: ICD9, code: 042}, {system: ICD9, code: 303.90}]\n",
        "tables/mrn_roots.yaml": "rows: {007: 2.999.7}\n",
    }
    site = make(tmp_path, files).site
    assert site.withholds("ICD9", "042") and site.withholds("ICD9", "303.90")
    assert site.withholds("ICD9", "303.9") is None
    assert site.root(["007"]).root == "2.999.7"


def test_an_npi_that_fails_the_check_digit_is_taken_for_test_systems(tmp_path):
    book = make(tmp_path, {"providers.csv": "id,npi\nD1,1234567890\n"}, npi_check_digit=False)
    assert book.site.provider("D1").npi == "1234567890"


def test_hidden_files_readmes_and_an_editors_leavings_are_passed_over(tmp_path):
    files = {".git/config": "", ".DS_Store": "", "README.md": "ours", "providers.csv~": "", "tables/.x": ""}
    assert make(tmp_path, files).changes == ()


def test_the_changes_are_told_one_by_one(tmp_path):
    files = {
        "patient.yaml": "rules:\n  gender: {from: [ZPI-2]}\n"
        "  g2: {field: patient.gender, from: [ZA1-1], for: {facility: LFC}}\n",
        "appointment.yaml": "rules:\n  clinic_npi: {off: true}\n",
        "messages.yaml": "events:\n  ADT^A04: {does: chart}\n",
        "tables/sex.csv": "code,value\n1,MALE\n",
        "opt_out.csv": "mrn\nT1\n",
    }
    assert sorted(make(tmp_path, files).changes) == [
        "site-mappings/appointment.yaml#clinic_npi: leaves out appointment.yaml#clinic_npi",
        "site-mappings/messages.yaml: changes ADT^A04",
        "site-mappings/opt_out.csv: opt out, 1 rows",
        "site-mappings/patient.yaml#g2: takes the place of site-mappings/patient.yaml#gender for facility LFC",
        "site-mappings/patient.yaml#gender: takes the place of patient.yaml#gender",
        "table sex: changed, 1 rows of site-mappings",
    ]


def test_every_shipped_table_says_what_its_rows_may_say():
    assert [table.name for table in load_rulebook().tables.values() if table.values is None] == []
