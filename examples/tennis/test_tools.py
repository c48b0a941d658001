"""The tools alone, called as an agent calls them: python3 -m unittest discover -s examples/tennis"""

import json
import os
import pathlib
import sys
import tempfile
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "tools"))

import app  # noqa: E402


class Tools(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.environ["TENNIS_DATA"] = folder.name
        self.addCleanup(os.environ.pop, "TENNIS_DATA")

    def call(self, function, key=None, user=None, **parameters):
        event = {
            "messageVersion": "1.0",
            "actionGroup": "courts",
            "function": function,
            "parameters": [{"name": name, "type": "string", "value": value} for name, value in parameters.items()],
            "sessionAttributes": {"user": user} if user else {},
            "promptSessionAttributes": {},
        }
        client = types.SimpleNamespace(custom={"idempotencyKey": key} if key else {})
        answer = app.handler(event, types.SimpleNamespace(client_context=client if key else None))
        self.assertEqual(answer["response"]["function"], function)
        return json.loads(answer["response"]["functionResponse"]["responseBody"]["TEXT"]["body"])

    def test_a_free_slot_can_be_booked_and_is_taken_then(self):
        free = self.call("check_availability", date="2026-11-22", time="15:00")
        self.assertEqual(len(free), 3)
        self.assertEqual({slot["time"] for slot in free}, {"15:00"})
        booked = self.call("book_slot", slot_id=free[0]["slot_id"], user="ann")
        self.assertEqual((booked["status"], booked["confirmation"], booked["member"]), ("booked", "C-1001", "ann"))
        self.assertEqual((booked["court"], booked["date"], booked["time"]), (free[0]["court"], "2026-11-22", "15:00"))
        self.assertEqual(self.call("check_availability", date="2026-11-22", time="3pm"), free[1:])
        self.assertEqual(self.call("book_slot", slot_id=free[0]["slot_id"])["status"], "taken")

    def test_the_same_key_gets_the_same_confirmation(self):
        slot_id = self.call("check_availability", date="2026-11-22")[0]["slot_id"]
        first = self.call("book_slot", key="k1", slot_id=slot_id)
        self.assertEqual(self.call("book_slot", key="k1", slot_id=slot_id), first)
        self.assertEqual(self.call("book_slot", key="k2", slot_id=slot_id)["status"], "taken")

    def test_a_full_hour_names_the_free_ones(self):
        for slot in self.call("check_availability", date="2026-11-22", time="15:00"):
            self.call("book_slot", slot_id=slot["slot_id"])
        full = self.call("check_availability", date="2026-11-22", time="15:00")
        self.assertIn("No court is free", full["message"])
        self.assertIn("16:00", full["free_at"])
        self.assertNotIn("15:00", full["free_at"])

    def test_training_cannot_be_booked(self):
        free = {slot["court"] for slot in self.call("check_availability", date="2026-11-22", time="15:00")}
        (training,) = set("ABCD") - free
        self.assertEqual(self.call("book_slot", slot_id=f"{training}-20261122-1500")["status"], "taken")

    def test_mistakes_are_results(self):
        for parameters in [{"date": "tomorrow"}, {}, {"date": "2026-11-22", "time": "15:30"}, {"date": "2026-11-22", "time": "23:00"}]:
            self.assertIn("error", self.call("check_availability", **parameters))
        for slot_id in ["", "A", "E-20261122-1500", "A-20261322-1500", "A-20261122-0300", "../../x"]:
            self.assertIn("error", self.call("book_slot", slot_id=slot_id))
        self.assertIn("error", self.call("sing"))


if __name__ == "__main__":
    unittest.main()
