"""Orders of two customers, and a small file of those that were cancelled.

The orders themselves never change. Cancellations are kept in the folder named by ORDERS_DATA, or else in the temporary folder.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import tempfile

ORDERS = {
    "B-2001": {"user": "u-1001", "status": "processing", "item": "desk lamp", "expected": "2026-12-04", "total": 59},
    "B-2002": {"user": "u-1001", "status": "packed", "item": "office chair", "expected": "2026-12-01", "total": 240},
    "B-2003": {"user": "u-1001", "status": "shipped", "item": "notebook", "expected": "2026-11-24", "total": 12},
    "B-3001": {"user": "u-2002", "status": "processing", "item": "standing desk", "expected": "2026-12-09", "total": 610},
}
# Until when an order can be cancelled; a gold customer's is unpacked again.
CANCELLABLE = {"standard": ("processing",), "gold": ("processing", "packed")}


class Refusal(Exception):
    """Something that does not exist or cannot be done; `code` is for programs, the text says what would be right."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def status(user, order_id):
    """Where an order of this user is."""
    number, order = find(user, order_id)
    with ledger() as cancelled:
        return told(number, order, cancelled.get(number))


def cancel(user, tier, order_id, reason=None, key=None):
    """Cancels an order of this user. The same call again, known by its key, gets the same answer."""
    number, order = find(user, order_id)
    with ledger() as cancelled:
        before = cancelled.get(number)
        if before is None:
            if order["status"] not in CANCELLABLE.get(tier, CANCELLABLE["standard"]):
                late = f"Order {number} is {order['status']} and can no longer be cancelled; it can be returned once it is there."
                raise Refusal("too_late", late)
            before = cancelled[number] = {"reason": (reason or "").strip(), "refund": order["total"], "key": key}
        elif key is None or before["key"] != key:
            raise Refusal("already_cancelled", f"Order {number} was cancelled before.")
    return told(number, order, before)


def told(number, order, cancelled):
    if cancelled is None:
        return {"order_id": number, "item": order["item"], "status": order["status"], "expected": order["expected"]}
    reason = {"reason": cancelled["reason"]} if cancelled["reason"] else {}
    return {"order_id": number, "item": order["item"], "status": "cancelled", **reason, "refund_eur": cancelled["refund"]}


def find(user, order_id):
    """The order. That it is somebody else's is not told: it does not exist for this user."""
    number = (order_id or "").strip().lstrip("#").upper()
    order = ORDERS.get(number)
    if not user:
        raise Refusal("nobody_signed_in", "Nobody is signed in; orders are told to their owner only.")
    if order is None or order["user"] != user:
        raise Refusal("order_not_found", f"You have no order {order_id!r}. An order's number looks like B-2001.")
    return number, order


@contextlib.contextmanager
def ledger():
    """The cancellations, for one process at a time; what changed in them is on disk when the block ends."""
    folder = pathlib.Path(os.environ.get("ORDERS_DATA") or pathlib.Path(tempfile.gettempdir(), "orders-cancelled"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cancelled.json"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = path.read_text() if path.exists() else "{}"
        cancelled = json.loads(before)
        yield cancelled
        after = json.dumps(cancelled, indent=1)
        if cancelled != json.loads(before):
            fresh = path.with_suffix(".new")
            with open(fresh, "w") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
