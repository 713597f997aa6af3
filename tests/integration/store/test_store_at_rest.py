"""Nothing of a patient can be read in what is stored."""

from datetime import date

from interface.store.records.turn import MessageDone, NewRequestRow, PatientWrite, RewriteRow, Turn
from interface.store.schema import metadata

MRN, NAME, PHONE, BIRTH, STREET = (
    b"MRN-8815543",
    b"QUIXOTEWSKI",
    b"5550142777",
    b"19481103",
    b"77 Windmill Ln",
)
ALL = (MRN, NAME, PHONE, BIRTH, STREET)
APPOINTMENT = b"FILL-99120-APT"


def test_no_value_of_a_patient_is_stored_in_the_clear(store, fill, tmp_path, sql):
    secret = b"|".join(ALL)
    text = secret.decode()
    message = fill.message(raw=b"MSH|^~\\&|EPIC\rPID|1||" + secret)
    store.work.commit(
        Turn(
            fill.now,
            messages=[MessageDone(message, "done", "post", "[]", secret, 1, 1)],
            patients=[PatientWrite(1, secret, True, (text, MRN.decode()))],
            requests=[
                NewRequestRow(
                    1, 1, message, APPOINTMENT.decode(), "waiting", secret, secret, date(2027, 3, 1)
                ),
                NewRequestRow(2, 1, message, APPOINTMENT.decode(), "held", secret, secret, None),
            ],
        )
    )
    (claimed,) = store.work.claim(fill.now, 1)
    assert claimed.body == secret
    store.work.commit(
        Turn(
            fill.now,
            patients=[PatientWrite(1, secret * 2, False, (MRN.decode(),))],
            requests=[RewriteRow(2, 1, "held", secret * 2, secret, None)],
            attempts=[fill.attempt(claimed, body=secret)],
        )
    )
    assert store.views.request(1).appointment == APPOINTMENT.decode()
    if store.path is None:
        nothing_in({name: every_row(sql, name) for name in metadata.tables})
        return
    files = sorted(tmp_path.glob("interface.db*"))
    assert {file.name for file in files} >= {"interface.db", "interface.db-wal", "interface.db-shm"}
    nothing_in({file.name: file.read_bytes() for file in files})
    store.close()  # moves the WAL into the database
    nothing_in({file.name: file.read_bytes() for file in sorted(tmp_path.iterdir())})


def every_row(sql, table):
    """A table as text, bytes in it as hexadecimal digits."""
    return "\n".join(row[0] for row in sql(f"SELECT t::text FROM {table} t")).encode()


def nothing_in(stored):
    for name, data in stored.items():
        for value in (*ALL, APPOINTMENT):
            for form in (value, value.lower(), value.hex().encode(), value.decode().encode("utf-16-le")):
                assert form not in data, (name, value)
    # and it is what we think: a clear column is there to be found
    assert any(b"SIU^S12" in data for data in stored.values())
