# SPDX-License-Identifier: Apache-2.0
"""Stands between API clients and the API server and breaks what passes, by its mode:

pass      everything passes
reset     connections are reset
hang      nothing passes; when the mode ends, connections that waited are reset
half      half of what the server sends next, then the connection is reset
garbage   random bytes instead of what the server sends
429, 500… requests are answered by this status

As a program (in the control plane's network): api_proxy.py DIRECTORY PORT, with the lab's directory. A line on its standard input is
the next mode, or empty; it is answered by a line: how often something was broken since the mode began.
"""
from __future__ import annotations

import asyncio
import contextlib
import json
import pathlib
import random
import socket
import ssl
import struct
import subprocess
import sys
from typing import Any

SERVER = ("10.80.0.1", 6443)


class ApiProxy:
    """The proxy as a program of the lab, with which it ends, and the lab's NMIs as its clients."""

    def __init__(self, lab: Any, port: int = 6444):
        command = [lab.podid, "lab", "exec", "--name", lab.name, "--dir", lab.directory, "--control-plane", "--",
                   sys.executable, __file__, lab.directory, str(port)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.set("pass")
        kubeconfig = pathlib.Path(lab.directory, "nmi.kubeconfig")
        kubeconfig.write_text(kubeconfig.read_text().replace(f":{SERVER[1]}", f":{port}"))
        for nmi in [each["name"] for each in lab.components() if each["name"].startswith("nmi-")]:
            lab.stop(nmi)
            lab.start(nmi)

    def set(self, mode: str) -> None:
        self._say(mode)

    def broken(self) -> int:
        """How often the mode has broken something."""
        return self._say("")

    def _say(self, line: str) -> int:
        print(line, file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


class Proxy:
    def __init__(self, directory: pathlib.Path):
        self.mode = "pass"
        self.broken = 0
        self.mode_ended = asyncio.Event()
        self.connections: set[asyncio.StreamWriter] = set()
        self.inside = ssl.create_default_context(cafile=directory / "ca.pem")
        self.outside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.outside.load_cert_chain(directory / "server.pem", directory / "server.key")

    def set(self, mode: str) -> None:
        self.broken, self.mode = 0, mode
        self.mode_ended.set()
        self.mode_ended = asyncio.Event()
        if mode == "reset":
            for writer in list(self.connections):
                self.cut(writer)

    def cut(self, writer: asyncio.StreamWriter) -> None:
        self.broken += 1
        self.reset(writer)

    @staticmethod
    def reset(writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.add(writer)
        server_writer = None
        try:
            if self.mode == "reset":
                return self.cut(writer)
            server_reader, server_writer = await asyncio.open_connection(*SERVER, ssl=self.inside)
            ways = [asyncio.create_task(self.requests(reader, server_writer, writer)), asyncio.create_task(self.answers(server_reader, writer))]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the API server is away, or we end: the client is cut off
        finally:
            self.connections.discard(writer)
            for each in (writer, server_writer):
                if each is not None:
                    each.transport.abort()

    async def requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter, client: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65536):
            if self.mode == "hang":
                return await self.wait_and_cut(client)
            if self.mode.isdigit():
                self.broken += 1
                body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": int(self.mode)})
                head = f"HTTP/1.1 {self.mode} Broken\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                client.write((head + body).encode())
                client.close()
                with contextlib.suppress(OSError):
                    await client.wait_closed()
                return
            server.write(piece)
            await server.drain()

    async def answers(self, server: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        while piece := await server.read(65536):
            if self.mode == "hang":
                return await self.wait_and_cut(client)
            if self.mode == "half":
                client.write(piece[:len(piece) // 2])
                await client.drain()
                return self.cut(client)
            if self.mode == "garbage":
                self.broken += 1
                piece = random.randbytes(len(piece))
            client.write(piece)
            await client.drain()

    async def wait_and_cut(self, client: asyncio.StreamWriter) -> None:
        self.broken += 1
        await self.mode_ended.wait()
        self.reset(client)


async def main() -> None:
    proxy = Proxy(pathlib.Path(sys.argv[1]))
    async with await asyncio.start_server(proxy.serve, SERVER[0], int(sys.argv[2]), ssl=proxy.outside):
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        while line := await commands.readline():
            if mode := line.decode().strip():
                proxy.set(mode)
            print(proxy.broken, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
