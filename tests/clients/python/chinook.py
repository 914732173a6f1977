"""What the server says of a Chinook database, and what SQL says of the same file.

    chinook.py --url http://127.0.0.1:8787/mcp --database chinook.sqlite

The server at the URL serves that file (`revenue serve --db FILE`); MCP_API_KEY may read revenue.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

COUNTRY, MONTHS = "Germany", 240
SECONDS = 30


def by_sql(database: Path) -> tuple[dict[str, int], int]:
    """Cents of each month that has invoices, and of all of them."""
    with contextlib.closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        (years,) = connection.execute(
            "SELECT (julianday(max(InvoiceDate)) - julianday(min(InvoiceDate))) / 365.25 FROM Invoice"
        ).fetchone()
        if years > MONTHS / 12 - 1:
            sys.exit(f"{database} spans {years:.0f} years: {MONTHS} months do not show all of them")
        months = connection.execute(
            "SELECT strftime('%Y-%m', InvoiceDate), sum(CAST(round(Total * 100) AS INTEGER))"
            " FROM Invoice WHERE BillingCountry = ? GROUP BY 1",
            (COUNTRY,),
        ).fetchall()
        (total,) = connection.execute(
            "SELECT sum(CAST(round(Total * 100) AS INTEGER)) FROM Invoice WHERE BillingCountry = ?", (COUNTRY,)
        ).fetchone()
    return dict(months), total


async def by_client(url: str) -> tuple[dict[str, int], int]:
    """The same as the tool answers it; a month without invoices may be listed with nothing in it."""
    headers = {"Authorization": f"Bearer {os.environ['MCP_API_KEY']}"}
    async with (
        asyncio.timeout(SECONDS),
        httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        result = await client.call_tool("get_revenue_data", {"country": COUNTRY, "months": MONTHS})
    text = result.content[0].text
    if result.is_error:
        sys.exit(f"get_revenue_data: {text}")
    report = json.loads(text)
    listed = [month["month"] for month in report["months"]]
    if len(listed) != len(set(listed)):
        sys.exit(f"a month is listed twice: {listed}")
    months = {month["month"]: round(month["revenue"] * 100) for month in report["months"] if month["revenue"]}
    return months, round(report["total"] * 100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="of a running server")
    parser.add_argument("--database", required=True, type=Path, help="the file that it serves")
    options = parser.parse_args()

    expected, expected_total = by_sql(options.database)
    seen, seen_total = asyncio.run(by_client(options.url))

    failed = 0
    for month in sorted(expected.keys() | seen.keys()):
        same = expected.get(month, 0) == seen.get(month, 0)
        failed += not same
        sql, tool = expected.get(month, 0) / 100, seen.get(month, 0) / 100
        print(f"{'ok  ' if same else 'FAIL'} {COUNTRY} {month}: {sql:.2f} by SQL, {tool:.2f} by the tool")
    same = expected_total == seen_total == sum(seen.values())
    failed += not same
    print(
        f"{'ok  ' if same else 'FAIL'} {COUNTRY} in all: {expected_total / 100:.2f} by SQL,"
        f" {seen_total / 100:.2f} by the tool, {sum(seen.values()) / 100:.2f} summed up"
    )
    passed = len(expected.keys() | seen.keys()) + 1 - failed
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not expected else 0)


if __name__ == "__main__":
    main()
