#!/usr/bin/env python3
"""A service that takes a while: /items?id=1,2,3 answers with these items, /items/7 with one, after DELAY ms each.

    keyed_service.py --port-file FILE [--delay MS]

It does as little as it can, so that what is measured beside it is the asking.
"""

import argparse
import asyncio
import os


class Answer(asyncio.Protocol):
    delay = 0.01

    def connection_made(self, transport):
        self.transport = transport
        self.waiting = b""

    def data_received(self, data):
        self.waiting += data
        while True:
            end = self.waiting.find(b"\r\n\r\n")
            if end < 0:
                return
            request, self.waiting = self.waiting[:end], self.waiting[end + 4:]
            asyncio.get_running_loop().call_later(self.delay, self.answer, request.split(b" ", 2)[1])

    def answer(self, path):
        if b"?id=" in path:
            keys = path.split(b"?id=", 1)[1].split(b"&", 1)[0].replace(b"%2C", b",").split(b",")
            body = b"[" + b",".join(self.item(key) for key in keys) + b"]"
        else:
            body = self.item(path.rsplit(b"/", 1)[1])
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                             % (len(body), body))

    @staticmethod
    def item(key):
        return b'{"id":%b,"name":"item number %b","price":%b.25,"is_open":true}' % (key, key, key)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--delay", type=float, default=10)
    options = parser.parse_args()
    Answer.delay = options.delay / 1000
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0)
    with open(options.port_file + ".new", "w", encoding="ascii") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(options.port_file + ".new", options.port_file)
    await server.serve_forever()


asyncio.run(main())
