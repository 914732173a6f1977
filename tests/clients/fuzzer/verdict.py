"""What a server answered, judged by the schema of the revision and by the tools' own."""

import json
import sys
import time

from jsonschema import Draft202012Validator
from mcp_fuzzer.transport.protocol import is_stateless_protocol_version

# For the records to be written.
SECONDS = 10
# The notifications that a server of this kind acts on.
HEARD = {f"notifications/{name}" for name in ("cancelled", "initialized", "progress", "roots/list_changed")}


class Verdict:
    def __init__(self, schema, revision):
        self.revision = revision
        self.sent = 0
        # Messages that may have been read, or not.
        self.unsure = 0
        self.accepted = 0
        self.faults = []
        self.tools = {}
        self.messages = {}
        definitions = schema["$defs"]
        for name, definition in definitions.items():
            method = definition.get("properties", {}).get("method", {}).get("const")
            # Also what only servers send: a server that accepts that has to be found.
            if method and name.endswith(("Request", "Notification")):
                self.messages[method] = Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
        union = definitions["ClientRequest"]["anyOf"]
        self.served = {definitions[part["$ref"].rsplit("/", 1)[-1]]["properties"]["method"]["const"] for part in union}

    def learn(self, tools):
        for tool in tools:
            self.tools[tool["name"]] = Draft202012Validator(tool["inputSchema"])

    def fault(self, what, message, answer=None):
        text = json.dumps(message, default=str)
        said = "" if answer is None else f"\n    answered {str(answer)[:400]}"
        self.faults.append(f"{what}\n    sent {text[:400]}{said}")

    def http(self, message, status, content_type, body, key=True):
        """One POST and its answer; a status of `None` is none."""
        if not key:
            if status != 401:
                self.fault(f"status {status} without a key", message, body)
            return None
        self.sent += 1
        if status is None:
            return self.fault("no answer", message)
        # Refused before it was looked at: such a run would say nothing.
        if status >= 500 or status in (401, 403, 429):
            return self.fault(f"status {status}", message, body)
        if status == 202:
            for what in self.malformed_notification(message):
                self.fault(f"taken for a notification: {what}", message)
            return None
        if content_type.startswith("text/event-stream"):
            lines = [line[5:].strip() for line in body.splitlines() if line.startswith("data:")]
        else:
            lines = [body]
        answers = [line for line in lines if line]
        if not answers:
            return self.fault("an empty answer", message)
        for answer in answers:
            self.answer(message, answer)
        return None

    def answer(self, message, text):
        """One message of the server, in answer to another."""
        try:
            answer = json.loads(text)
        except ValueError:
            return self.fault("no JSON", message, text)
        if not isinstance(answer, dict) or answer.get("jsonrpc") != "2.0":
            return self.fault("no JSON-RPC", message, text)
        if "error" in answer:
            code = answer["error"].get("code")
            if type(code) is not int or not isinstance(answer["error"].get("message"), str):
                self.fault("no JSON-RPC error", message, text)
            elif code == -32603:
                self.fault("an internal error", message, text)
        elif "result" in answer and not answer["result"].get("isError"):
            self.accepted += 1
            for what in self.malformed(message):
                self.fault(f"accepted: {what}", message, text)
        return None

    def malformed_notification(self, message):
        """What is wrong with a message that is not answered."""
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            return ["no JSON-RPC"]
        if "method" not in message:
            return [] if "result" in message or "error" in message else ["neither request nor answer"]
        if "id" in message:
            return ["it has an id"]
        if message["method"] not in HEARD or message["method"] not in self.messages:
            # JSON-RPC leaves a notification that nobody knows without an answer.
            return [f"{message['method']} is a request"] if message["method"] in self.served else []
        return listed(self.messages[message["method"]], message)

    def malformed(self, message):
        """What is wrong with a request."""
        if not isinstance(message, dict):
            return ["no object"]
        method = message.get("method")
        if not isinstance(method, str) or method not in self.served:
            return [f"no request of {self.revision}: {str(method)[:40]!r}"]
        errors = listed(self.messages[method], message)
        if method == "tools/call" and not errors:
            tool = self.tools.get(message["params"]["name"])
            if tool is None:
                return ["no such tool"]
            errors = listed(tool, message["params"].get("arguments", {}))
        return errors

    def records(self, path):
        """Each message left one record, and only one."""
        end = time.monotonic() + SECONDS
        while True:
            lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
            records = sum(line["kind"] == "call" for line in lines)
            if records >= self.sent or time.monotonic() > end:
                break
            time.sleep(0.1)
        # One too many would come later.
        time.sleep(0.5)
        records = sum(json.loads(line)["kind"] == "call" for line in path.read_text().splitlines())
        if not self.sent <= records <= self.sent + self.unsure:
            self.faults.append(f"{self.sent} messages were sent, and there are {records} records")

    def finish(self, name):
        print(f"{name}: {self.sent} messages sent, {self.accepted} accepted, {len(self.faults)} faults")
        for fault in self.faults[:40]:
            print(f"- {fault}")
        # A run whose messages were all refused, or none of them, would assert nothing.
        if self.accepted == 0 or self.accepted == self.sent:
            sys.exit("the run shows nothing")
        sys.exit(1 if self.faults else 0)


def listed(validator, value):
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(value)]


def is_modern(revision):
    return is_stateless_protocol_version(revision)
