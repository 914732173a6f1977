"""mcp-fuzzer against a server over HTTP, and a verdict of our own on what the server answered.

    MCP_API_KEY=… fuzz.py --audit FILE --revision 2026-07-28 --url URL

The fuzzer calls every input malformed that was answered without an error, and changes parameters alone. So:

- it runs as it is, and all that it sends and gets is kept;
- what its generators make is sent once more as it was made, whole messages and mutations of them;
- each answer is judged by `verdict`: what was accepted has to follow the schema of the revision (the official one,
  which the fuzzer brings along) and the tool's own; no answer may be missing, of status 5xx, or no JSON-RPC;
- a normal call has to be answered afterwards, and each message has to have left one record.
"""

import argparse
import asyncio
import copy
import itertools
import json
import os
import pathlib
import random
import sys
import tempfile

import httpx
import mcp_fuzzer
from mcp_fuzzer.cli.entrypoint import run_cli
from mcp_fuzzer.fuzz_engine.mutators import ProtocolMutator, ToolMutator
from mcp_fuzzer.fuzz_engine.mutators.batch_mutator import BatchMutator
from mcp_fuzzer.fuzz_engine.mutators.seed_mutation import mutate_seed_payload
from mcp_fuzzer.protocol_registry import PROTOCOL_TYPES
from mcp_fuzzer.transport.drivers import stream_http_driver
from mcp_fuzzer.transport.protocol import (
    ProtocolNegotiationState,
    negotiated_headers,
    tool_call_param_headers,
    with_stateless_request_metadata,
)
from verdict import Verdict, is_modern

SEED = 20260728
# Tools of the server under test are bounded below that.
PATIENCE = 10
# Of each kind of message and each tool, in each of two phases; and mutations of good messages.
RUNS, MUTATIONS = 3, 300


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--audit", type=pathlib.Path, required=True)
    parser.add_argument("--revision", required=True)
    parser.add_argument("--url", required=True)
    options = parser.parse_args()
    verdict = Verdict(schema(options.revision), options.revision)
    with httpx.Client(timeout=PATIENCE) as client:
        server = Server(options.url, options.revision, client, verdict)
        tools = server.tools()
        verdict.learn(tools)
        fuzzer(options, verdict)
        for message in made(tools, options.revision):
            server.send(message)
        answer = server.send(server.dressed(call("echo", {"text": "still there"})))
        if "still there" not in answer:
            verdict.fault("a normal call is not answered", "echo", answer)
    verdict.records(options.audit)
    verdict.finish(options.revision)


def schema(revision):
    """The official schema."""
    folder = pathlib.Path(mcp_fuzzer.__file__).parent / "schemas/mcp-spec/schema"
    return json.loads((folder / revision / "schema.json").read_text())


def call(tool, arguments):
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}


def fuzzer(options, verdict):
    """The fuzzer as it is, but for this: what it posts is kept."""
    send = httpx.AsyncClient.send

    async def kept(self, request, **how):
        if request.method != "POST":
            return await send(self, request, **how)
        message = json.loads(request.content)
        try:
            response = await send(self, request, **how)
        except httpx.TransportError:
            verdict.http(message, None, "", "")
            raise
        verdict.http(message, response.status_code, response.headers.get("content-type", ""), response.text, "authorization" in request.headers)
        return response

    httpx.AsyncClient.send = kept
    stream_http_driver.tool_call_param_headers = mirrored
    with tempfile.TemporaryDirectory() as folder:
        words = ["--protocol", "streamablehttp", "--endpoint", options.url, "--spec-schema-version", options.revision]
        quietly([*words, "--auth-env"], folder)
    httpx.AsyncClient.send = send


def quietly(words, folder):
    """Runs the fuzzer, which prints and reports a lot; none of it is an opinion that counts here."""
    words += ["--mode", "all", "--seed", str(SEED), "--no-network", "--no-corpus", "--stateful", "--phase", "both"]
    words += ["--protocol-phase", "aggressive", "--runs", str(RUNS), "--runs-per-type", str(RUNS), "--fail-if-no-tools"]
    words += ["--timeout", str(PATIENCE), "--log-level", "CRITICAL", "--output-dir", folder]
    os.environ["HOME"] = folder
    sys.argv = ["mcp-fuzzer", *words]
    with open(os.path.join(folder, "said"), "w+") as said:
        out, sys.stdout = sys.stdout, said
        try:
            run_cli()
            status = 0
        except SystemExit as end:
            status = end.code
        finally:
            sys.stdout = out
        said.seek(0)
        if status:
            sys.exit(f"mcp-fuzzer ends with {status}\n{said.read()[-4000:]}")


class Server:
    """The server, for messages of every kind."""

    def __init__(self, url, revision, client, verdict):
        self.url, self.revision, self.client, self.verdict = url, revision, client, verdict
        self.state = ProtocolNegotiationState(revision)
        self.definitions = {}

    def dressed(self, message):
        """With the metadata that the revision asks for, where there is a place for it."""
        return dressed(message, self.revision)

    def tools(self):
        answer = self.send(self.dressed({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}))
        tools = json.loads(answer.partition("data: ")[2] or answer)["result"]["tools"]
        self.definitions = {tool["name"]: tool for tool in tools}
        return tools

    def send(self, message):
        headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
        headers["Authorization"] = f"Bearer {os.environ['MCP_API_KEY']}"
        if isinstance(message, dict):
            method, params = message.get("method"), message.get("params")
            params = params if isinstance(params, dict) else None
            method = method if isinstance(method, str) else None
            headers = negotiated_headers(headers, method=method, params=params, state=self.state)
            tool = self.definitions.get(params.get("name")) if params and isinstance(params.get("name"), str) else None
            headers |= mirrored(params, tool)
        try:
            response = self.client.post(self.url, content=json.dumps(message), headers=headers)
        except httpx.TransportError:
            self.verdict.http(message, None, "", "")
            return ""
        self.verdict.http(message, response.status_code, response.headers.get("content-type", ""), response.text)
        return response.text


def dressed(message, revision):
    if not is_modern(revision) or not isinstance(message, dict):
        return message
    return with_stateless_request_metadata(
        message, protocol_version=revision, client_capabilities={}, client_info={"name": "fuzz", "version": "1"}
    )


def mirrored(params, tool):
    """The headers of a call. Where a type is a list of types, the fuzzer's own function breaks."""
    tool = copy.deepcopy(tool)
    for schema in ((tool or {}).get("inputSchema") or {}).get("properties", {}).values():
        if isinstance(schema, dict) and isinstance(schema.get("type"), list):
            schema["type"] = schema["type"][0]
    return tool_call_param_headers(params, tool)


def made(tools, revision):
    """What the generators make, as they make it and with what the revision asks for; then mutations."""
    random.seed(SEED)
    rng = random.Random(SEED)
    protocol, arguments, batch = ProtocolMutator(), ToolMutator(), BatchMutator()
    protocol._rng.seed(SEED)
    arguments._rng.seed(SEED)

    count = itertools.count()

    async def generate():
        for kind in PROTOCOL_TYPES:
            for phase in ("realistic", "aggressive"):
                for _ in range(RUNS):
                    try:
                        yield await protocol.mutate(kind, phase=phase)
                    except ValueError:  # Not every kind has a generator.
                        break
        for _ in range(RUNS):
            yield await batch.mutate()
        for tool in tools:
            for phase in ("realistic", "aggressive"):
                for _ in range(RUNS):
                    # An id of its own: the answer may come after that of another.
                    made = call(tool["name"], await arguments.mutate(tool, phase=phase))
                    yield made | {"id": f"made {next(count)}"}

    async def collect():
        return [message async for message in generate()]

    messages = asyncio.run(collect())
    good = [dressed(message, revision) for message in messages if isinstance(message, dict)]
    mutations = [mutate_seed_payload(rng.choice(good), stack=rng.randint(1, 4), rng=rng) for _ in range(MUTATIONS)]
    if is_modern(revision):
        messages += good
    return messages + mutations


if __name__ == "__main__":
    main()
