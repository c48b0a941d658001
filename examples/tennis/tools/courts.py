"""The club: four courts, open from 8 to 21, and a small file of bookings.

Which slots are free follows from the day and from what was booked, from nothing else. Bookings are kept in the folder
named by TENNIS_DATA, or else in the temporary folder.
"""

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import re
import tempfile

COURTS = "ABCD"
HOURS = range(8, 21)


class Mistake(Exception):
    """Something that the member, or the model, got wrong; the message says what would be right."""


def free_slots(date, time=None):
    """Free slots of a day, or of one hour of it. When that hour is full: the hours that are not."""
    day = parse_date(date)
    hours = [parse_time(time)] if time else HOURS
    with ledger() as bookings:
        slots = [slot(court, day, hour) for hour in hours for court in COURTS if is_free(court, day, hour, bookings)]
        if slots:
            return slots
        others = [f"{hour:02}:00" for hour in HOURS if any(is_free(court, day, hour, bookings) for court in COURTS)]
    return {"message": f"No court is free on {day} at {hours[0]:02}:00.", "free_at": others}


def book(slot_id, member, key=None):
    """Books a slot. The same call again, known by its key, gets the same confirmation; anybody else is told that it is taken."""
    court, day, hour = parse_slot_id(slot_id)
    with ledger() as bookings:
        booked = bookings.get(slot_id)
        if booked is None and is_free(court, day, hour, bookings):
            booked = {"confirmation": f"C-{1001 + len(bookings)}", "member": member, "key": key}
            bookings[slot_id] = booked
        elif booked is None or key is None or booked["key"] != key:
            return {"status": "taken", "message": f"Court {court} on {day} at {hour:02}:00 is taken. Choose another slot."}
    place = slot(court, day, hour)
    return {"status": "booked", "confirmation": booked["confirmation"], **place, "member": booked["member"]}


def is_free(court, day, hour, bookings):
    """Every hour one of the courts, a different one each time, belongs to the club's training."""
    training = (day.toordinal() + hour + COURTS.index(court)) % len(COURTS) == 0
    return not training and slot_id_of(court, day, hour) not in bookings


def slot(court, day, hour):
    return {"slot_id": slot_id_of(court, day, hour), "court": court, "date": day.isoformat(), "time": f"{hour:02}:00"}


def slot_id_of(court, day, hour):
    return f"{court}-{day:%Y%m%d}-{hour:02}00"


def parse_slot_id(text):
    found = re.fullmatch(r"([A-D])-(\d{8})-(\d\d)00", text or "")
    if not found or int(found[3]) not in HOURS:
        raise Mistake(f"{text!r} is not a slot_id; check_availability lists them")
    return found[1], parse_date(f"{found[2][:4]}-{found[2][4:6]}-{found[2][6:]}"), int(found[3])


def parse_date(text):
    try:
        return datetime.date.fromisoformat(text or "")
    except ValueError:
        raise Mistake(f"{text!r} is not a day; write it as YYYY-MM-DD") from None


def parse_time(text):
    found = re.fullmatch(r"\s*(\d{1,2})(?::00(?::00)?)?\s*([ap]m)?\s*", text.lower())
    if found:
        hour = int(found[1])
        if found[2]:
            hour = hour % 12 + (12 if found[2] == "pm" else 0)
        if hour in HOURS:
            return hour
    raise Mistake(f"{text!r} is not an hour to start at; courts are let by the full hour, from 08:00 to 20:00")


@contextlib.contextmanager
def ledger():
    """The bookings, for one process at a time; what changed in them is on disk when the block ends."""
    folder = pathlib.Path(os.environ.get("TENNIS_DATA") or pathlib.Path(tempfile.gettempdir(), "tennis-bookings"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bookings.json"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = path.read_text() if path.exists() else "{}"
        bookings = json.loads(before)
        yield bookings
        after = json.dumps(bookings, indent=1)
        if bookings != json.loads(before):
            fresh = path.with_suffix(".new")
            with open(fresh, "w") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
