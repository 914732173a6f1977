"""The example server `revenue` as the official Python SDK sees it.

    checks.py --query love --url http://127.0.0.1:8787/mcp
    checks.py --query love --command revenue serve --stdio --state DIR

MCP_API_KEY holds a key with every scope, REPORTING_API_KEY one with `revenue.read` alone.
Both protocol revisions are tried, each check prints a line, the last line counts them.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import traceback
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

# What the SDK is asked for (`mode`) and the revision it must arrive at.
REVISIONS = {"auto": "2026-07-28", "legacy": "2025-11-25"}
TOOLS = {
    "add_feedback",
    "delete_customer",
    "delete_record",
    "find_customer",
    "get_revenue_data",
    "list_feedback",
    "search_tracks",
}
# Where an INVALID_ARGUMENTS error lists what is wrong, and where each entry says where.
VIOLATIONS, POINTER = "violations", "pointer"
SECONDS_PER_CALL = 20
SECONDS_PER_REVISION = 90


class Checks:
    """Prints and counts."""

    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    @asynccontextmanager
    async def check(self, name: str) -> AsyncIterator[None]:
        """One check: whatever is raised inside fails it and nothing else."""
        try:
            yield
        except Exception as error:
            self.failed += 1
            print(f"FAIL {name}: {describe(error)}", flush=True)
        else:
            self.passed += 1
            print(f"ok   {name}", flush=True)

    def finish(self) -> None:
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        sys.exit(1 if self.failed or not self.passed else 0)


def describe(error: BaseException) -> str:
    """An exception group says nothing by itself: its leaves do."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(describe(inner) for inner in error.exceptions)
    if isinstance(error, AssertionError):
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return f"{error} (line {frame.lineno}: {frame.line})"
    return f"{type(error).__name__}: {error}"


def expect(condition: object, seen: object) -> None:
    if not condition:
        raise AssertionError(f"saw {seen!r}")


class Server:
    """How to reach the server under test."""

    def __init__(self, url: str | None, command: list[str] | None) -> None:
        self.url, self.command = url, command
        self.transport = "http" if url else "stdio"
        # What a server on stdio logs is shown only where a check fails.
        self.log = tempfile.TemporaryFile("w+")

    @asynccontextmanager
    async def connect(self, mode: str, key: str | None) -> AsyncIterator[Client]:
        options: dict[str, Any] = {"mode": mode, "read_timeout_seconds": SECONDS_PER_CALL}
        if self.url:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            async with httpx2.AsyncClient(headers=headers, timeout=SECONDS_PER_CALL) as http:
                async with Client(streamable_http_client(self.url, http_client=http), **options) as client:
                    yield client
        else:
            program, *arguments = self.command or []
            env = {"MCP_API_KEY": key} if key else {}
            server = StdioServerParameters(command=program, args=arguments, env=env)
            async with Client(stdio_client(server, errlog=self.log), **options) as client:
                yield client


def value_of(result: Any) -> Any:
    """What the tool returned: the structured content, which the text block must repeat."""
    texts = [block.text for block in result.content if block.type == "text"]
    expect(not result.is_error, texts)
    value = json.loads(texts[0])
    if result.structured_content is not None:
        expect(result.structured_content == value, (result.structured_content, value))
    # A result that is no object travels under one key.
    return value["result"] if isinstance(value, dict) and set(value) == {"result"} else value


def error_of(result: Any) -> dict[str, Any]:
    """The tool error: JSON text, and nothing that an output schema could reject."""
    expect(result.is_error, result)
    expect(result.structured_content is None, result.structured_content)
    error = json.loads(result.content[0].text)["error"]
    expect(isinstance(error["message"], str) and error["message"], error)
    return error


async def listed(client: Client) -> list[str]:
    names: list[str] = []
    cursor = None
    while True:
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return names


async def everything(client: Client, checks: Checks, say: Callable[[str], str], query: str, email: str | None) -> None:
    """What a key with every scope can do."""
    async with checks.check(say("lists the tools, sorted")):
        names = await listed(client)
        expect(set(names) == TOOLS and names == sorted(names), names)

    async with checks.check(say("get_revenue_data answers month by month")):
        report = value_of(await client.call_tool("get_revenue_data", {"country": "Germany", "months": 12}))
        expect(report["country"] == "Germany" and report["currency"], report)
        expect(0 < len(report["months"]) <= 12, report)
        total = sum(month["revenue"] for month in report["months"])
        expect(abs(total - report["total"]) < 0.005, (total, report))

    async with checks.check(say("get_revenue_data has a default for months")):
        again = value_of(await client.call_tool("get_revenue_data", {"country": "Germany"}))
        expect(again == report, again)

    async with checks.check(say("two violations are both named")):
        error = error_of(await client.call_tool("get_revenue_data", {"country": "x" * 41, "months": 0}))
        expect(error["code"] == "INVALID_ARGUMENTS", error)
        expect({entry[POINTER] for entry in error[VIOLATIONS]} == {"/country", "/months"}, error)
        expect("x" * 41 not in json.dumps(error), "the rejected value in the error")

    track = 1
    async with checks.check(say("search_tracks finds tracks")):
        hits = value_of(await client.call_tool("search_tracks", {"query": query, "limit": 3}))
        expect(0 < len(hits) <= 3, hits)
        expect(all({"id", "title", "artist", "album"} <= set(hit) for hit in hits), hits)
        track = hits[0]["id"]

    async with checks.check(say("find_customer says that there is none")):
        error = error_of(await client.call_tool("find_customer", {"email": "nobody@example.com"}))
        expect(error["code"] == "RECORD_NOT_FOUND" and error["retryable"] is False, error)

    if email:
        async with checks.check(say("find_customer finds one")):
            customer = value_of(await client.call_tool("find_customer", {"email": email}))
            expect(email in customer.values(), customer)

    async with checks.check(say("feedback is written, read back and deleted")):
        text = f"Grüße aus {say('München')}: «très bon» 🎵"
        added = value_of(await client.call_tool("add_feedback", {"track": track, "text": text}))
        feedback = value_of(await client.call_tool("list_feedback", {"track": track}))
        entry = next((entry for entry in feedback if entry["id"] == added["id"]), None)
        expect(entry and entry["text"] == text and entry["written_at"], feedback)
        gone = await client.call_tool("delete_record", {"kind": "feedback", "id": added["id"]})
        expect(not gone.is_error, gone)
        feedback = value_of(await client.call_tool("list_feedback", {"track": track}))
        expect(all(entry["id"] != added["id"] for entry in feedback), feedback)

    async with checks.check(say("an unknown tool is a protocol error")):
        try:
            answer = await client.call_tool("drop_tables", {})
        except Exception as error:
            expect(getattr(error, "code", None) == -32602, error)
        else:
            raise AssertionError(f"answered {answer}")


async def reporting(client: Client, checks: Checks, say: Callable[[str], str]) -> None:
    """What a key with `revenue.read` alone can do."""
    async with checks.check(say("a reporting key lists what it can call")):
        names = await listed(client)
        expect(names == ["get_revenue_data"], names)

    async with checks.check(say("a reporting key reads revenue")):
        value_of(await client.call_tool("get_revenue_data", {"country": "Germany", "months": 1}))

    async with checks.check(say("a reporting key may not delete")):
        error = error_of(await client.call_tool("delete_record", {"kind": "customer", "id": 1}))
        expect(error["code"] == "PERMISSION_DENIED", error)
        expect(set(error["required_scopes"]) == {"record.delete", "record.read"}, error)


async def strangers(server: Server, checks: Checks, say: Callable[[str], str], mode: str) -> None:
    """Without a key, or with a wrong one, the client is told so and nothing is served."""
    for name, key in (("no key", None), ("an unknown key", "mcpk_unknown_0000")):
        async with checks.check(say(f"{name} is an error for the client")):
            try:
                async with server.connect(mode, key) as client:
                    names = await listed(client)
            except Exception:
                pass
            else:
                raise AssertionError(f"listed {names}")


async def refused(server: Server, checks: Checks) -> None:
    """What a stranger meets below the SDK: 401 and a challenge, or a process that does not start."""
    for name, key in (("no key", None), ("an unknown key", "mcpk_unknown_0000")):
        if server.url:
            async with checks.check(f"http {name} is 401 with a challenge, whatever the body"):
                request = urllib.request.Request(server.url, data=b"{", method="POST")
                request.add_header("Content-Type", "application/json")
                request.add_header("Accept", "application/json, text/event-stream")
                if key:
                    request.add_header("Authorization", f"Bearer {key}")
                try:
                    with await asyncio.to_thread(urllib.request.urlopen, request, timeout=SECONDS_PER_CALL) as answer:
                        raise AssertionError(f"answered {answer.status}")
                except urllib.error.HTTPError as answer:
                    challenge = answer.headers.get("WWW-Authenticate", "")
                    expect(answer.code == 401 and challenge.startswith("Bearer"), (answer.code, challenge))
                    expect(("invalid_token" in challenge) == bool(key), challenge)
        else:
            async with checks.check(f"stdio with {name} does not start"):
                env = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
                if key:
                    env["MCP_API_KEY"] = key
                run = await asyncio.to_thread(
                    subprocess.run,
                    server.command,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=SECONDS_PER_CALL,
                )
                expect(run.returncode != 0 and not run.stdout, (run.returncode, run.stdout))
                expect("MCP_API_KEY" in run.stderr, run.stderr)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--query", required=True, help="a word that search_tracks finds")
    parser.add_argument("--email", help="an address that find_customer finds")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--url", help="of a running server")
    where.add_argument("--command", nargs=argparse.REMAINDER, help="that serves on stdio, last")
    options = parser.parse_args()
    server = Server(options.url, options.command)
    checks = Checks()

    for mode, revision in REVISIONS.items():

        def say(what: str, revision: str = revision) -> str:
            return f"{server.transport} {revision} {what}"

        try:
            async with asyncio.timeout(SECONDS_PER_REVISION):
                async with checks.check(say("connects and disconnects")):
                    async with server.connect(mode, os.environ["MCP_API_KEY"]) as client:
                        expect(client.protocol_version == revision, client.protocol_version)
                        await everything(client, checks, say, options.query, options.email)
                async with checks.check(say("connects and disconnects as reporting")):
                    async with server.connect(mode, os.environ["REPORTING_API_KEY"]) as client:
                        await reporting(client, checks, say)
                await strangers(server, checks, say, mode)
        except TimeoutError:
            checks.failed += 1
            print(f"FAIL {say('')}: not done after {SECONDS_PER_REVISION} s", flush=True)
    await refused(server, checks)
    if checks.failed:
        server.log.seek(0)
        sys.stderr.write(server.log.read())
    checks.finish()


if __name__ == "__main__":
    asyncio.run(main())
