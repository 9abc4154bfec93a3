#!/usr/bin/env python3
"""Three sample services of a shop, as three teams might have built them.

    services.py customers|orders|stock --port-file FILE [--port N] [--lifetime SECONDS]

Listens on a port of 127.0.0.1 (a free one), which it writes to FILE.  Each answer takes 20 to 40 ms.

customers   GET /api/customers?region=EU&page=1&limit=500
            pages by number; {"total": N, "items": [...]}; at most 500 a page
orders      GET /v2/orders?status[in]=open,paid&created_at[gte]=...&cursor=...
            ranges and lists in brackets; {"orders": [...], "paging": {"next_cursor": "..."}}; at most 400
stock       GET /products?warehouse=north&price_lte=20&_page=1&_limit=250
            as json-server does; an array, the total in X-Total-Count; at most 250
"""

import argparse
import asyncio
import json
import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "fixtures"))

import dialects                                                     # noqa: E402
import generate                                                     # noqa: E402
import web                                                          # noqa: E402
from web import Answer, HttpError                                   # noqa: E402


class SampleService:
    """Rows of one kind behind one path; subclasses say how a page looks."""

    def __init__(self, path, kind, dialect, page_cap):
        self.path = path
        self.dialect = dialect
        self.page_cap = page_cap
        self.rows = dialects.make_rows(dialects.parse(json.dumps(list(generate.KINDS_OF_DATA[kind]()))))
        self.by_id = {str(row.value["id"]): row for row in self.rows}
        self.names = dialects.known_names(self.rows)
        for row in self.rows:           # read timestamps once, as a database would
            for value in row.value.values():
                if isinstance(value, str):
                    dialects.instant(value)
        self.server = web.Server(self.handle)

    async def handle(self, request):
        await asyncio.sleep(random.uniform(0.020, 0.040))
        if request.method != "GET":
            raise HttpError(405, "only GET is served")
        if request.path.startswith(self.path + "/"):
            row = self.by_id.get(request.path[len(self.path) + 1:])
            if row is None:
                raise HttpError(404, "there is no such item")
            return Answer(body=row.text)
        if request.path != self.path:
            raise HttpError(404, f"nothing at {request.path}")
        question = dialects.read(self.dialect, request.raw, self.names, False)
        found = dialects.select(self.rows, question)
        size = min(question.size or self.page_cap, self.page_cap)
        start = self.start(question, size)
        return self.answer(found[start:start + size], start + size, len(found))

    def start(self, question, size):
        return (max(question.page or 1, 1) - 1) * size


def array(rows):
    return b"[" + b",".join(row.text for row in rows) + b"]"


class Customers(SampleService):
    def answer(self, rows, end, total):
        return Answer(body=b'{"total":%d,"items":%s}' % (total, array(rows)))


class Orders(SampleService):
    def start(self, question, size):
        return int(question.cursor, 36) if question.cursor else 0

    def answer(self, rows, end, total):
        cursor = json.dumps(base36(end) if end < total else None).encode()
        return Answer(body=b'{"orders":%s,"paging":{"next_cursor":%s}}' % (array(rows), cursor))


class Stock(SampleService):
    def answer(self, rows, end, total):
        return Answer(body=array(rows), headers=[("X-Total-Count", str(total))])


def base36(number):
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits or "0"


SERVICES = {
    "customers": lambda: Customers("/api/customers", "customers", "plain", 500),
    "orders": lambda: Orders("/v2/orders", "orders", "brackets", 400),
    "stock": lambda: Stock("/products", "products", "jsonserver", 250),
}


async def main(arguments):
    service = SERVICES[arguments.service]()
    port = await service.server.listen(port=arguments.port)
    web.write_port_file(arguments.port_file, f"{port}\n")
    await web.live(arguments.parent, arguments.lifetime)
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="sample service for distquery's demo")
    parser.add_argument("service", choices=sorted(SERVICES))
    parser.add_argument("--port-file")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--lifetime", type=float, default=86400)
    parser.set_defaults(parent=os.getppid())
    web.die_with_parent()
    asyncio.run(main(parser.parse_args()))
