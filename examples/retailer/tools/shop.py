"""The shop: four orders, three things on the shelves, and a small file of returns.

Orders and stock never change, so the same question has the same answer every day. Returns are kept in the folder named by
RETAILER_DATA, or else in the temporary folder.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import tempfile

PRODUCTS = {
    "SH-201": {"name": "linen shirt", "color": "blue"},
    "SH-202": {"name": "linen shirt", "color": "white"},
    "CP-310": {"name": "wool cap", "color": "grey"},
}
PRICES = {"SH-201": 49, "SH-202": 49, "CP-310": 25}
SIZES = ("S", "M", "L", "XL")
PLACES = ("online", "Bergen", "Porto")
# Pieces of each size, in the order of SIZES.
STOCK = {
    "SH-201": {"online": (8, 5, 3, 0), "Bergen": (1, 0, 2, 1), "Porto": (0, 4, 0, 0)},
    "SH-202": {"online": (6, 0, 9, 2), "Bergen": (0, 0, 0, 0), "Porto": (2, 2, 2, 2)},
    "CP-310": {"online": (0, 12, 0, 0), "Bergen": (0, 3, 0, 0), "Porto": (0, 0, 0, 0)},
}
ORDERS = {
    "A-1042": {"status": "delivered", "items": (("SH-201", "M"), ("SH-202", "M"))},
    "A-1043": {"status": "shipped", "items": (("CP-310", "M"),)},
    "A-1044": {"status": "processing", "items": (("SH-202", "L"),)},
    "A-1045": {"status": "cancelled", "items": (("SH-201", "XL"),)},
}


class Refusal(Exception):
    """Something that does not exist or cannot be done; `code` is for programs, the text says what would be right."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def order(order_id):
    """An order with its items, and which of them are on their way back."""
    number, found = find_order(order_id)
    with ledger() as returns:
        items = [line(number, sku, size, returns) for sku, size in found["items"]]
    return {"order_id": number, "status": found["status"], "items": items}


def line(number, sku, size, returns):
    returned = returns.get(f"{number}/{sku}")
    return {"sku": sku, **PRODUCTS[sku], "size": size, **({"return_id": returned["return_id"]} if returned else {})}


def stock(sku, size=None, location=None):
    """Pieces on the shelves. One place and one size is one number; what is left out is told one by one."""
    sku = known("sku", sku, STOCK)
    sizes = [known("size", size, SIZES)] if size else SIZES
    places = [known("location", location, PLACES)] if location else PLACES
    pieces = [
        {"location": place, "size": size, "quantity": STOCK[sku][place][SIZES.index(size)]}
        for place in places
        for size in sizes
    ]
    found = [one for one in pieces if one["quantity"]]
    total = sum(one["quantity"] for one in pieces)
    return {"sku": sku, "in_stock": total > 0, "total": total, "pieces": found}


def take_back(order_id, sku, reason, key=None):
    """Registers a return. The same call again, known by its key, gets the same number; an item goes back only once."""
    number, found = find_order(order_id)
    sku = known("sku", sku, PRODUCTS)
    if sku not in [item for item, _ in found["items"]]:
        raise Refusal("item_not_in_order", f"Order {number} has no {sku}. It has {', '.join(item for item, _ in found['items'])}.")
    if not (reason or "").strip():
        raise Refusal("reason_missing", "A return needs a reason, in the customer's words.")
    if found["status"] != "delivered":
        raise Refusal("not_delivered", f"Order {number} is {found['status']}; only what was delivered can be returned.")
    with ledger() as returns:
        taken = returns.get(f"{number}/{sku}")
        if taken is None:
            taken = {"return_id": f"R-{5001 + len(returns)}", "reason": reason.strip(), "key": key}
            returns[f"{number}/{sku}"] = taken
        elif key is None or taken["key"] != key:
            raise Refusal("already_returned", f"{sku} of order {number} is on its way back as {taken['return_id']}.")
    return {
        "return_id": taken["return_id"],
        "status": "created",
        "order_id": number,
        "sku": sku,
        "reason": taken["reason"],
        "refund": PRICES[sku],
        "currency": "EUR",
    }


def find_order(order_id):
    number = (order_id or "").strip().lstrip("#").upper()
    if number not in ORDERS:
        raise Refusal("order_not_found", f"There is no order {order_id!r}. An order's number looks like A-1042.")
    return number, ORDERS[number]


def known(name, given, values):
    """The one of `values` that was meant, whatever its case."""
    for value in values:
        if value.lower() == (given or "").strip().lower():
            return value
    raise Refusal(f"{name}_not_found", f"There is no {name} {given!r}. There is {', '.join(values)}.")


@contextlib.contextmanager
def ledger():
    """The returns, for one process at a time; what changed in them is on disk when the block ends."""
    folder = pathlib.Path(os.environ.get("RETAILER_DATA") or pathlib.Path(tempfile.gettempdir(), "retailer-returns"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "returns.json"
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = path.read_text() if path.exists() else "{}"
        returns = json.loads(before)
        yield returns
        after = json.dumps(returns, indent=1)
        if after != before:
            fresh = path.with_suffix(".new")
            with open(fresh, "w") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, path)
