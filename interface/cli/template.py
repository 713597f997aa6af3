"""The commented settings file that `init` writes, and the example of `deploy/`.

A line `# key = value` is a key with its default or an example, ready to be uncommented; the rest is prose. What stands right
over a key is its meaning, here and in docs/settings.md; what is about several keys has a blank line below it.
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
# The clinic's or customer's name, for people.
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
# What logs, metrics and rules call it.
name = "main"
# 127.0.0.1: this machine only; 0.0.0.0: all of its addresses.
host = @HOST@
# Where it listens; 0: any free port, for rehearsals.
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
# A larger message is answered AR, not stored, and the connection closed.
# max_message_bytes = 33554432
# How many may be open at a time; more are refused.
# max_connections = 256
# The same, of one address.
# max_connections_per_address = 128
# Of one address. Who is faster is read more slowly, and nothing is refused for it. Left out: no limit.
# messages_per_second = 200
# For an unfinished frame; a silent connection is normal and stays.
# frame_seconds = 30
# PEM: the certificate with those between it and its authority (docs/tls.md). SIGHUP reads these files anew.
# tls_certificate = "tls/server.pem"
# The key of the certificate.
# tls_key = "tls/server.key"
# PEM: the authorities of senders' certificates; senders must show one of theirs.
# tls_client_ca = "tls/clients.pem"
# Names of which one must stand in a sender's certificate.
# tls_client_names = ["mirth.hospital.example"]
# PEM: what the authorities have revoked.
# tls_crl = "tls/revoked.pem"

[api]
# 1: one patient's appointment in each request. 2: also patients without an appointment date, and panels.
version = 1
# Where the API key is kept: env:NAME, file:PATH or credential:NAME (systemd); never the key itself.
@KEY@
# The environment decides; a loopback address is taken for rehearsals.
# base_url = "http://127.0.0.1:8026"
# How many requests are under way at a time.
# concurrency = 32
# How long the API may take for an answer.
# timeout_seconds = 30
# At most so many a second. Left out: as many as there are.
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
# What the feed cannot know.

# Where the records are sent: a Direct address. Normally this or the next one is given.
# response_direct_address = "records@direct.example.org"
# Where the records are sent: a fax number. Version 2 has none.
# response_fax_number = "3125550142"
# The name of whoever is at that address.
# response_friendly_name = "Lakeside Records"
# What this site's requests are grouped by.
# batch_id = "lakeside"
# The clinic's name, where the table of locations has none.
# clinic_name = "Lakeside Family Clinic"
# The clinic's NPI, likewise.
# clinic_npi = "1234567893"
# The diagnostic areas that records are asked for.
# diagnostic_categories = ["cardiovascular"]
# How many months before the appointment a summary covers. Needs a diagnostic category.
# summary_months = 24
# Appointment types of new patients: code or text of SCH-8, else of AIS-3.
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
# How long things are kept, in days (docs/retention.md); 0: for ever.

# Messages that are in no chart; at least seven.
# journal_days = 90
# Requests after their end.
# request_days = 365
# Charts after their last change, with the messages that made them.
# chart_days = 1095
# Webhooks.
# webhook_days = 365
# When so many messages wait to be decided, nothing more is taken until they are fewer: the senders' queues hold it.
# most_waiting = 1000000
# Free room on the store's disk, in MiB, below which an alert is logged, and `check` warns.
# disk_low_mib = 2048

[log]
# One line an event on standard error (docs/operating.md): "text" (key=value) or "json". SIGHUP reads the section anew.
# format = "text"
# Lines below it are left out: "debug", "info", "warning" or "error".
# level = "info"
# A line for each message that is decided, and one for each request that ends.
# messages = true
# MSH-10 stands in them; false leaves it out, where senders put patients' numbers in it.
# control_id = true

[filters]
# Which appointments are for us. Other messages of the patient still add to the chart.

# Only these types of appointments (SCH-8, AIS-3); empty: all.
# take_appointment_types = ["NEW", "FOLLOWUP"]
# All but these types.
# leave_appointment_types = ["LAB"]
# Only these locations (AIL-3, PV1-3, MSH-4); empty: all.
# take_locations = ["MAIN"]
# All but these locations.
# leave_locations = ["TRAINING"]
# Only these clinicians (NPI, id or family name); empty: all.
# take_providers = ["1234567893"]
# All but these clinicians.
# leave_providers = ["9999"]
# A regular expression that is looked for in names and MRNs; of who fits nothing is kept.
# test_patient_pattern = "^ZZTEST"

[web]
# The console (/), health (/healthz, /readyz) and metrics (/metrics). Who may sign in: hl7-interface users.

# An address of this machine: 127.0.0.1: this machine only; 0.0.0.0: all of its addresses.
host = "127.0.0.1"
# Where it listens.
port = 8025
# Other machines reach the console over TLS only. PEM: the certificate with those between it and its authority.
# All of the port is https then. SIGHUP reads it anew.
# tls_certificate = "tls/console.pem"
# The key of the certificate. SIGHUP reads it anew.
# tls_key = "tls/console.key"
# false: health and metrics alone.
# console = false

[webhooks]
# Where Connective Health reports back to (docs/webhooks.md). Without more it is taken on the port of [web].
path = "/webhooks/connective-health"
# The address of a port of its own. Left out: this machine only, or that of [web] where there is no such port.
# host = "0.0.0.0"
# A port of its own; with TLS it has one in any case, 8443 if none is named.
# port = 8443
# PEM: the certificate with those between it and its authority. SIGHUP reads it anew.
# tls_certificate = "tls/webhooks.pem"
# The key of the certificate. SIGHUP reads it anew.
# tls_key = "tls/webhooks.key"
# One more segment of the path, for Connective Health alone (16 letters or more): env:, file: or credential:.
# secret = "file:webhook.secret"
# Who may send, as addresses and networks; empty: anyone, for the source addresses are not published.
# allow = ["198.51.100.0/24"]
# Reverse proxies that end TLS before us: their X-Forwarded-For says who sends.
# proxies = ["10.20.0.5"]
# A larger body is refused.
# max_body_bytes = 262144
# Webhooks of one sender in a minute; more are asked to come later.
# per_minute = 600
# Requests that have no webhook after so many hours are listed and alerted.
# expected_hours = 72

# When somebody is called, and how (docs/alerts.md). The log has every alert in any case.
[alerts]
# An alert that goes on is said again after so many hours; 0: it is said once.
# repeat_hours = 24
# What has no limit of its own has to hold for so long before it is said.
# hold_minutes = 1
# What is over has to be over for so long before that is said.
# settle_minutes = 2
# Alerts that nobody wants, by their codes.
# off = ["wal-large"]
# How long the oldest message may wait to be decided.
# late_minutes = 10
# How long the oldest waiting request may wait.
# oldest_minutes = 60
# How long nothing but probes may go out when only a person can put it right.
# paused_minutes = 1
# How long the API may be away.
# away_minutes = 5
# The share of requests of the last held_hours that may be held.
# held_percent = 50
# Of how many hours they are counted.
# held_hours = 24
# How many days before a certificate's end it is said.
# certificate_days = 21
# How far this machine's clock may be off the API's and the database's.
# skew_seconds = 60
# Where each alert is POSTed to as JSON.
# webhook = "https://alerts.example.org/hook"
# The header that the secret goes in.
# webhook_header = "Authorization"
# The whole value of that header: env:, file: or credential:.
# webhook_secret = "env:ALERTS_SECRET"
# PEM: the authority of its certificate, where it is the site's own.
# webhook_ca = "tls/site-ca.pem"
# A program and its arguments, run without a shell; it gets the JSON on standard input and has half a minute.
# command = ["/usr/local/bin/page", "oncall"]

[alerts.smtp]
# The mail server; without one no mail is sent.
# host = "smtp.example.org"
# Left out: 587 with tls = "starttls", 465 with "tls", 25 with "none".
# port = 587
# starttls, tls from the beginning, or none.
# tls = "starttls"
# PEM: the authority of the server's certificate, where it is the site's own.
# ca = "tls/site-ca.pem"
# Who signs in there; left out: nobody.
# user = "interface"
# The user's password: env:, file: or credential:.
# password = "env:SMTP_PASSWORD"
# The sender's address.
# from = "interface@example.org"
# Who gets the mail.
# to = ["oncall@example.org"]

# Feeds that have to be heard, one section for each; `check` proposes them from what came so far.
# [[alerts.feed]]
# The listener it comes by.
# listener = "main"
# A sender of it, as MSH-3 names it; left out: whoever sends there.
# application = "EPIC"
# The same, of MSH-4.
# facility = "LFC"
# When it is expected to speak, where [site] timezone is.
# windows = ["Mon-Fri 07:00-18:00", "Sat 08:00-12:00"]
# For how many minutes of that it may be silent.
# minutes = 60
"""
