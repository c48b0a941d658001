"""The tools alone, called as an agent calls them: python3 -m unittest discover -s examples/orders"""

import json
import os
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))

import order_tools  # noqa: E402


class Tools(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["ORDERS_DATA"] = folder.name
        self.addCleanup(os.environ.pop, "ORDERS_DATA")

    def call(self, function, key=None, user="u-1001", tier=None, **parameters):
        attributes = {"user_id": user, "tier": tier}
        event = {
            "messageVersion": "1.0",
            "actionGroup": "orders",
            "function": function,
            "parameters": [{"name": name, "type": "string", "value": value} for name, value in parameters.items()],
            "sessionAttributes": {name: value for name, value in attributes.items() if value},
            "promptSessionAttributes": {"current_date": "2026-11-21"},
        }
        client = types.SimpleNamespace(custom={"idempotencyKey": key} if key else {})
        answer = order_tools.handler(event, types.SimpleNamespace(client_context=client if key else None))["response"]
        self.assertEqual(answer["function"], function)
        return json.loads(answer["functionResponse"]["responseBody"]["TEXT"]["body"])

    def check_error(self, error, function, **more):
        result = self.call(function, **more)
        self.assertEqual(result.get("error"), error, result)
        self.assertTrue(result["message"].endswith("."), result)

    def test_an_order_is_told_to_its_owner(self):
        order = self.call("get_order_status", order_id="b-2001")
        self.assertEqual((order["order_id"], order["status"], order["expected"]), ("B-2001", "processing", "2026-12-04"))
        self.check_error("order_not_found", "get_order_status", order_id="B-3001")
        self.assertEqual(self.call("get_order_status", user="u-2002", order_id="B-3001")["status"], "processing")
        self.check_error("nobody_signed_in", "get_order_status", user=None, order_id="B-2001")

    def test_who_is_at_the_terminal(self):
        os.environ["ORDERS_USER"] = "u-1001"
        self.addCleanup(os.environ.pop, "ORDERS_USER")
        self.assertEqual(self.call("get_order_status", user=None, order_id="B-2001")["status"], "processing")
        self.check_error("order_not_found", "get_order_status", user="u-2002", order_id="B-2001")

    def test_an_order_is_cancelled_once(self):
        cancelled = self.call("cancel_order", key="k1", order_id="B-2001", reason="found it cheaper")
        self.assertEqual((cancelled["status"], cancelled["reason"], cancelled["refund_eur"]), ("cancelled", "found it cheaper", 59))
        self.assertEqual(self.call("cancel_order", key="k1", order_id="B-2001", reason="found it cheaper"), cancelled)
        self.check_error("already_cancelled", "cancel_order", key="k2", order_id="B-2001")
        self.check_error("already_cancelled", "cancel_order", order_id="B-2001")
        self.assertEqual(self.call("get_order_status", order_id="B-2001")["status"], "cancelled")

    def test_the_reason_may_be_left_out(self):
        self.assertNotIn("reason", self.call("cancel_order", order_id="B-2001"))

    def test_the_tier_counts(self):
        self.check_error("too_late", "cancel_order", order_id="B-2002")
        self.check_error("too_late", "cancel_order", tier="platinum", order_id="B-2002")
        self.check_error("too_late", "cancel_order", tier="gold", order_id="B-2003")
        self.assertEqual(self.call("cancel_order", tier="gold", order_id="B-2002")["status"], "cancelled")

    def test_mistakes_are_results(self):
        for order_id in ["Z-9", "", "../../x"]:
            self.check_error("order_not_found", "get_order_status", order_id=order_id)
            self.check_error("order_not_found", "cancel_order", order_id=order_id)
        self.check_error("order_not_found", "cancel_order")
        self.check_error("unknown_function", "open_calendar", date="2026-11-23")


if __name__ == "__main__":
    unittest.main()
