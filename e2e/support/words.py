"""AWS's own words for what goes wrong in a turn."""

FAILED = "Received failed response from API execution. Retry the request later."
MALFORMED = "The server encountered an error processing the Lambda response. Check the Lambda response and retry the request"
MODEL_FAILED = "Dependency resource: received model timeout/error exception from Bedrock. Try the request again."
DENIED = "Access denied when calling Bedrock. Check your request permissions and retry the request."
THROTTLED = (
    "Your request rate is too high. Reduce the frequency of requests. "
    "Check your Bedrock model invocation quotas to find the acceptable frequency."
)
