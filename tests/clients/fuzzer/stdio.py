"""mcp-fuzzer against a server over standard input and output; what `fuzz` does over HTTP.

    MCP_API_KEY=… stdio.py --audit FILE -- SERVER serve --stdio --state DIR

Every message that the generators make is followed by a normal call: what the server writes before that is answered is
the answer to the message, and the normal call has to be answered each time.
"""

import argparse
import json
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading

from fuzz import PATIENCE, RUNS, SEED, call, made, quietly, schema
from verdict import Verdict

REVISION = "2025-11-25"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--audit", type=pathlib.Path, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    verdict = Verdict(schema(REVISION), REVISION)
    with Server(options.command, verdict) as server:
        tools = server.handshake()
        verdict.learn(tools)
        for message in made(tools, REVISION):
            server.send(message)
    fuzzer(options, verdict)
    verdict.records(options.audit)
    verdict.finish("stdio")


class Server:
    """A server, for messages of every kind."""

    def __init__(self, command, verdict):
        self.verdict, self.lines, self.sent, self.asked = verdict, queue.Queue(), 0, {}
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.log}
        self.process = subprocess.Popen(command, text=True, encoding="utf-8", **pipes)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if status := self.process.wait(2 * PATIENCE):
            self.verdict.fault(f"the server ends with {status}", None)
        self.log.seek(0)
        if "panicked at" in (log := self.log.read()):
            self.verdict.fault("the server panicked", None, log[log.index("panicked at") :])

    def write(self, message):
        self.verdict.sent += 1
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def until(self, id):
        """The lines before the answer of this id, and that."""
        lines = []
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE)
            except queue.Empty:
                sys.exit(f"the server does not answer any more; its last lines: {lines[-3:]}")
            message = json.loads(line)
            if message.get("id") == id and ("result" in message or "error" in message):
                return lines, message
            lines.append(line)

    def handshake(self):
        params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"}}
        self.write({"jsonrpc": "2.0", "id": "first", "method": "initialize", "params": params})
        self.until("first")
        self.write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.write({"jsonrpc": "2.0", "id": "tools", "method": "tools/list"})
        return self.until("tools")[1]["result"]["tools"]

    def send(self, message):
        self.write(message)
        self.sent += 1
        id = message.get("id") if isinstance(message, dict) else None
        self.asked[json.dumps(id)] = message
        normal = call("echo", {"text": "still there"}) | {"id": f"normal {self.sent}"}
        self.write(normal)
        lines, answer = self.until(normal["id"])
        if "still there" not in json.dumps(answer):
            self.verdict.fault("a normal call is not answered", message, answer)
        for line in lines:
            said = json.loads(line)
            # What could not be read is answered without an id, at once; tools that take their time come later.
            if "method" not in said:
                self.verdict.answer(self.asked.pop(json.dumps(said["id"]), message) if "id" in said else message, line)


def fuzzer(options, verdict):
    """The fuzzer as it is; a pipe between it and the server keeps what is said."""
    with tempfile.TemporaryDirectory() as folder:
        kept = pathlib.Path(folder) / "kept"
        pipe = [sys.executable, str(pathlib.Path(__file__).with_name("pipe.py")), str(kept), *options.command]
        words = ["--protocol", "stdio", "--endpoint", " ".join(pipe), "--spec-schema-version", REVISION]
        quietly(words, folder)
        asked = {}
        lines = kept.read_text(encoding="utf-8").split("\n")[:-1]
        # The fuzzer ends its server without waiting: nobody knows whether what it said last was read.
        while lines and lines[-1].startswith(">"):
            lines.pop()
            verdict.unsure += 1
        for line in lines:
            way, _, text = line.partition(" ")
            try:
                message = json.loads(text)
            except ValueError:
                message = text
            id = json.dumps(message.get("id")) if isinstance(message, dict) else None
            if way == ">":
                verdict.sent += 1
                asked[id] = message
            elif isinstance(message, dict) and "method" not in message and id in asked:
                verdict.answer(asked.pop(id), text)


if __name__ == "__main__":
    main()
