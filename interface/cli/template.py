"""The commented settings file that `init` writes, and the example of `deploy/`.

A line `# key = value` is a key with its default or an example, ready to be uncommented; the rest is prose.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answers:
    """What a site says of itself; the rest of the file is defaults."""

    name: str = "Lakeside Family Clinic"
    environment: str = "sandbox"
    mrn_root: str = "2.999.1.1"
    authority: tuple[str, ...] = ()
    timezone: str = "America/Chicago"
    host: str = "127.0.0.1"
    port: int = 2575
    allow: tuple[str, ...] = ()


def quoted(text: str) -> str:
    """`text` as a TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08X}" for c in escaped) + '"'


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(quoted(text) for text in texts) + "]"


def render(answers: Answers) -> str:
    """The settings file (TOML) for `answers`."""
    values = {
        "NAME": quoted(answers.name),
        "ENVIRONMENT": quoted(answers.environment),
        "MRN_ROOT": quoted(answers.mrn_root),
        "AUTHORITY": _list(answers.authority),
        "TIMEZONE": quoted(answers.timezone),
        "HOST": quoted(answers.host),
        "PORT": str(answers.port),
        "ALLOW": _list(answers.allow),
        "KEY": ("# " if answers.environment == "sandbox" else "") + 'key = "env:CONNECTIVE_HEALTH_API_KEY"',
    }
    text = TEMPLATE
    for name, value in values.items():
        text = text.replace(f"@{name}@", value, 1)
    return text


TEMPLATE = """\
# Settings of hl7-interface. Every key has a default; unknown keys are errors.
# Relative paths are relative to this file.
# `hl7-interface check -c THIS-FILE` says whether everything is in order.

[site]
name = @NAME@
# Where requests go: sandbox (the simulated API, `hl7-interface sandbox`), staging (made-up patients only),
# production-test (real patients, validated but not processed) or production.
environment = @ENVIRONMENT@
# The assigning authority OID of your MRNs, from Connective Health. The arc 2.999 is for examples.
mrn_root = @MRN_ROOT@
# CX.4 of the numbers in PID-3 that are MRNs here, namespace or OID. Empty: those of type MR.
mrn_authority = @AUTHORITY@
# The clinic's time zone: it decides the day of a time that is sent with an offset.
# Left out: dates are taken as written.
timezone = @TIMEZONE@

# One [[listener]] for each feed; ADT, scheduling and pharmacy often come on ports of their own.
[[listener]]
name = "main"
# 127.0.0.1: this machine only; 0.0.0.0: all of its addresses.
host = @HOST@
port = @PORT@
# Addresses and networks that may connect, such as "10.20.0.0/16". Empty: loopback only.
allow = @ALLOW@
# What a message without MSH-18 is read as: "UNICODE UTF-8", "8859/1", "cp1252" …
# Left out: UTF-8, then cp1252.
# charset = "8859/1"
# The sender's time zone, where it is not the site's.
# timezone = "America/Denver"
# "original" or "enhanced" whatever MSH-15 and MSH-16 say.
# ack = "auto"
# When a message could not be stored: "close" without an answer, so that the sender's queue keeps it,
# or "AE" or "AR".
# not_stored = "close"
# max_message_bytes = 33554432
# Of all senders together, and of one address.
# max_connections = 256
# max_connections_per_address = 128
# For an unfinished frame; a silent connection is normal and stays.
# frame_seconds = 30
# TLS (docs/tls.md). PEM: the certificate with those between it and its authority, and its key. SIGHUP reads all of
# these anew.
# tls_certificate = "tls/server.pem"
# tls_key = "tls/server.key"
# Senders must show a certificate of one of these authorities, for one of these names; what they have revoked.
# tls_client_ca = "tls/clients.pem"
# tls_client_names = ["mirth.hospital.example"]
# tls_crl = "tls/revoked.pem"

[api]
# 1: one patient's appointment in each request. 2: also patients without an appointment date, and panels.
version = 1
# Where the API key is kept: env:NAME, file:PATH or credential:NAME (systemd); never the key itself.
@KEY@
# The environment decides; a loopback address is taken for rehearsals.
# base_url = "http://127.0.0.1:8026"
# concurrency = 32
# timeout_seconds = 30
# requests_per_second = 5
# With version 2: patients in one request, up to 2500. What is due goes at once, whether it fills a panel or not.
# batch = 1

[mappings]
# A folder with this site's own rules, code tables, clinicians, locations, withheld codes, patients who opted out
# (docs/overlay.md). SIGHUP reads it anew.
# overlay = "site-mappings"
# What a problem code without a code system is: "ICD10", "ICD9" or "SNOMED".
# Empty: told by its shape where it can be.
# default_problem_system = ""
# How long a visit's diagnoses count as active unless seen again; 0: for ever.
# visit_diagnosis_days = 730
# The types of diagnosis (DG1-6) that are taken, for example ["F"] for final ones; empty: all.
# diagnosis_types = []
# An NPI must pass its check digit; false lifts that, for test systems.
# npi_check_digit = true

[request]
# What the feed cannot know. Normally one of the next two is given; version 2 has no fax number.
# response_direct_address = "records@direct.example.org"
# response_fax_number = "3125550142"
# response_friendly_name = "Lakeside Records"
# batch_id = "lakeside"
# clinic_name = "Lakeside Family Clinic"
# clinic_npi = "1234567893"
# diagnostic_categories = ["cardiovascular"]
# Needs a diagnostic category.
# summary_months = 24
# Appointment types (SCH-8, AIS-3) of new patients.
# new_patient_types = ["NEW"]

[forward]
# A request that equals the last one sent for the appointment: "skip" or "send".
# unchanged = "skip"
# A newer request takes the place of one that waits for the same appointment.
# supersede = true
# A message without an appointment or visit date: "chart", or "post" with version 2.
# without_date = "chart"
# Ask so many days before the visit, with what is known on that day (docs/lead-time.md); 0: at once. SIGHUP reads it anew.
# send_days_before = 0
# What a message type does, where it should not do its default: "post", "chart" or "ignore".
# Without a trigger event, "ADT", it is for all that post or chart; "ignore" for all.
# "ADT^A28" = "chart"

[store]
# A file of this host; or, for several hosts, a database: postgresql+psycopg://USER@HOST/DATABASE (docs/postgresql.md).
url = "sqlite:///var/interface.db"
# The password of the database: env:, file: or credential:. Left out: PGPASSFILE and what else libpq knows.
# password = "env:INTERFACE_DATABASE_PASSWORD"
# The at-rest key: env:, file: or credential:. Left out: a file of mode 0600 beside this one,
# made by the first start.
# key = "file:at-rest.key"
# "off": what is stored from now on is in the clear, for whoever has the file to read.
# encryption = "on"
# How long things are kept, in days; 0: for ever. Messages in no chart; requests after their end; charts after their last
# change, with their messages (docs/retention.md).
# journal_days = 90
# request_days = 365
# chart_days = 1095
# webhook_days = 365
# When so many messages wait to be decided, nothing more is taken until they are fewer: the senders' queues hold it.
# most_waiting = 1000000
# Free room on the store's disk, in MiB, below which an alert is logged, and `check` warns.
# disk_low_mib = 2048

[filters]
# Which appointments are for us, by type (SCH-8, AIS-3), location (AIL-3, PV1-3, MSH-4) and clinician (NPI, id or family
# name). Other messages of the patient still add to the chart.
# take_appointment_types = ["NEW", "FOLLOWUP"]
# leave_appointment_types = ["LAB"]
# take_locations = ["MAIN"]
# leave_locations = ["TRAINING"]
# take_providers = ["1234567893"]
# leave_providers = ["9999"]
# A regular expression that is looked for in names and MRNs; of who fits nothing is kept.
# test_patient_pattern = "^ZZTEST"

[web]
# The console (/), health (/healthz, /readyz) and metrics (/metrics). Who may sign in: hl7-interface users.
host = "127.0.0.1"
port = 8025
# Other machines reach the console over TLS only. PEM: the certificate with those between it and its authority,
# and its key. SIGHUP reads them anew.
# tls_certificate = "tls/console.pem"
# tls_key = "tls/console.key"
# Health and metrics alone:
# console = false

[webhooks]
# Where Connective Health reports back to (docs/webhooks.md). Without more it is taken on the port of [web].
path = "/webhooks/connective-health"
# A port of its own; with TLS it has one in any case, 8443 if none is named.
# host = "0.0.0.0"
# port = 8443
# PEM: the certificate with those between it and its authority, and its key. SIGHUP reads them anew.
# tls_certificate = "tls/webhooks.pem"
# tls_key = "tls/webhooks.key"
# One more segment of the path, for Connective Health alone (16 letters or more): env:, file: or credential:.
# secret = "file:webhook.secret"
# Who may send, as addresses and networks; empty: anyone, for the source addresses are not published.
# allow = ["198.51.100.0/24"]
# Reverse proxies that end TLS before us: their X-Forwarded-For says who sends.
# proxies = ["10.20.0.5"]
# max_body_bytes = 262144
# Of one sender; more are asked to come later.
# per_minute = 600
# Requests that have no webhook after so many hours are listed and alerted.
# expected_hours = 72
"""
