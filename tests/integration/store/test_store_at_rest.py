"""Nothing of a patient can be read in the files."""

from datetime import date

from interface.store.records import MessageDone, NewRequestRow, PatientWrite, RewriteRow, Turn

MRN, NAME, PHONE, BIRTH, STREET = (
    b"MRN-8815543",
    b"QUIXOTEWSKI",
    b"5550142777",
    b"19481103",
    b"77 Windmill Ln",
)
ALL = (MRN, NAME, PHONE, BIRTH, STREET)
APPOINTMENT = b"FILL-99120-APT"


def test_no_value_of_a_patient_is_in_any_file(store, fill, tmp_path):
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
    files = sorted(tmp_path.glob("interface.db*"))
    assert {file.name for file in files} >= {"interface.db", "interface.db-wal", "interface.db-shm"}
    nothing_in(files)
    store.close()  # moves the WAL into the database
    nothing_in(sorted(tmp_path.iterdir()))


def nothing_in(files):
    for file in files:
        data = file.read_bytes()
        for value in (*ALL, APPOINTMENT):
            for form in (value, value.lower(), value.hex().encode(), value.decode().encode("utf-16-le")):
                assert form not in data, (file.name, value)
    # and the files are what we think: a clear column is there to be found
    assert any(b"SIU^S12" in file.read_bytes() for file in files)
