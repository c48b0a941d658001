"""The tools alone, called as an agent calls them: python3 -m unittest discover -s examples/retailer"""

import json
import os
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))

import service  # noqa: E402


class Tools(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["RETAILER_DATA"] = folder.name
        self.addCleanup(os.environ.pop, "RETAILER_DATA")

    def call(self, function, key=None, **parameters):
        event = {
            "messageVersion": "1.0",
            "actionGroup": "returns" if function == "create_return" else "shop",
            "function": function,
            "parameters": [{"name": name, "type": "string", "value": value} for name, value in parameters.items()],
            "sessionAttributes": {},
            "promptSessionAttributes": {},
        }
        client = types.SimpleNamespace(custom={"idempotencyKey": key} if key else {})
        answer = service.handler(event, types.SimpleNamespace(client_context=client if key else None))["response"]
        self.assertEqual((answer["actionGroup"], answer["function"]), (event["actionGroup"], function))
        return json.loads(answer["functionResponse"]["responseBody"]["TEXT"]["body"])

    def check_error(self, error, function, **parameters):
        result = self.call(function, **parameters)
        self.assertEqual(result.get("error"), error, result)
        self.assertTrue(result["message"].endswith("."), result)

    def test_an_order_lists_its_items(self):
        order = self.call("get_order_status", order_id="#a-1042 ")
        self.assertEqual((order["order_id"], order["status"]), ("A-1042", "delivered"))
        self.assertEqual([(item["sku"], item["color"]) for item in order["items"]], [("SH-201", "blue"), ("SH-202", "white")])

    def test_stock_adds_up(self):
        everything = self.call("check_inventory", sku="SH-201")
        by_size = [self.call("check_inventory", sku="sh-201", size=size)["total"] for size in ("S", "M", "L", "XL")]
        by_place = [self.call("check_inventory", sku="SH-201", location=place)["total"] for place in ("online", "bergen", "Porto")]
        self.assertEqual((everything["total"], sum(by_size), sum(by_place)), (24, 24, 24))
        one = self.call("check_inventory", sku="SH-201", size="l", location="Bergen")
        self.assertEqual((one["in_stock"], one["pieces"]), (True, [{"location": "Bergen", "size": "L", "quantity": 2}]))
        none = self.call("check_inventory", sku="SH-202", location="Bergen")
        self.assertEqual((none["in_stock"], none["total"], none["pieces"]), (False, 0, []))

    def test_an_item_goes_back_once(self):
        wish = {"order_id": "A-1042", "sku": "SH-201", "reason": "too small"}
        created = self.call("create_return", key="k1", **wish)
        self.assertEqual((created["return_id"], created["status"], created["refund"]), ("R-5001", "created", 49))
        self.assertEqual(self.call("create_return", key="k1", **wish), created, "the same call again")
        self.check_error("already_returned", "create_return", **wish)
        self.assertEqual(self.call("create_return", key="k2", **wish)["error"], "already_returned")
        self.assertEqual(self.call("create_return", key="k3", **{**wish, "sku": "SH-202"})["return_id"], "R-5002")
        items = self.call("get_order_status", order_id="A-1042")["items"]
        self.assertEqual([item["return_id"] for item in items], ["R-5001", "R-5002"])

    def test_what_cannot_go_back(self):
        self.check_error("not_delivered", "create_return", order_id="A-1043", sku="CP-310", reason="too warm")
        self.check_error("item_not_in_order", "create_return", order_id="A-1042", sku="CP-310", reason="too warm")
        self.check_error("reason_missing", "create_return", order_id="A-1042", sku="SH-201", reason="  ")

    def test_mistakes_are_results(self):
        for order_id in ["Z-9", "", "../../x"]:
            self.check_error("order_not_found", "get_order_status", order_id=order_id)
        self.check_error("order_not_found", "get_order_status")
        self.check_error("order_not_found", "create_return", order_id="A-1", sku="SH-201", reason="too small")
        self.check_error("sku_not_found", "check_inventory")
        self.check_error("sku_not_found", "create_return", order_id="A-1042", sku="blue", reason="too small")
        self.check_error("size_not_found", "check_inventory", sku="SH-201", size="XXS")
        self.check_error("location_not_found", "check_inventory", sku="SH-201", location="the moon")
        self.check_error("unknown_function", "sing")


if __name__ == "__main__":
    unittest.main()
