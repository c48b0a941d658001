"""What the tests of crashes and of shutdowns share."""

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

# What boto3 raises when a server goes away, before and in a stream.
BROKEN = (BotoCoreError, ClientError, HTTPError, OSError)

# It books first and answers later, so that a crash in between leaves the server without knowing.
SLOW = """
def handler(event, context):
    note(event, context)
    if event["function"] == "hold":
        wait_for("hold")
    return answer(event, "done " + json.dumps(arguments(event), sort_keys=True))
"""


def history(model):
    """What the model saw last: role and text, calls by their names."""
    seen = []
    for one in model.requests[-1]["messages"]:
        if one["role"] != "system":
            wanted = [tool["function"]["name"] for tool in one.get("tool_calls", [])]
            seen.append((one["role"], one["content"] or ",".join(wanted)))
    return seen
