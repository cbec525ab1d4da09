"""usage: relay.py HOST:PORT TOKEN

A relay between Autobahn's cases, which expect an echo, and /ws/chat/, which answers every text with a frame of its own.
Prints the port on which it listens. All bytes that the cases send reach the chat socket as they are; of what comes back,
an answer to a text is replaced by that text, and everything else passes: pongs, close frames, the end of the connection.
"""

import asyncio
import base64
import hashlib
import os
import struct
import sys

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUE, TEXT, CLOSE = 0x0, 0x1, 0x8


class Frames:
    """Splits bytes into frames; whatever is wrong with them is for others to judge."""

    def __init__(self):
        self.rest = b""

    def feed(self, data):
        self.rest += data
        while (frame := self.next()) is not None:
            yield frame

    def next(self):
        """First byte, payload without its mask, and the bytes of one frame."""
        head = self.rest[:14]
        if len(head) < 2:
            return None
        length, at = head[1] & 0x7F, 2
        if length == 126:
            length, at = struct.unpack(">H", head[2:4].ljust(2, b"\0"))[0], 4
        elif length == 127:
            length, at = struct.unpack(">Q", head[2:10].ljust(8, b"\0"))[0], 10
        is_masked = bool(head[1] & 0x80)
        end = at + 4 * is_masked + length
        if len(head) < at or len(self.rest) < end:
            return None
        frame, self.rest = self.rest[:end], self.rest[end:]
        payload = frame[end - length :]
        if is_masked:
            mask = frame[at : at + 4]
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        return frame[0], payload, frame


async def handshake(reader, writer, address, token):
    """Opens the chat socket, and answers the handshake of the cases."""
    head = await reader.readuntil(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
    key = {name.lower(): value for name, value in headers.items()}["sec-websocket-key"]
    accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
    server_reader, server_writer = await asyncio.open_connection(*address)
    server_key = base64.b64encode(os.urandom(16)).decode()
    server_writer.write(
        f"GET /ws/chat/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n"
        f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {server_key}\r\n\r\n".encode()
    )
    answer = await server_reader.readuntil(b"\r\n\r\n")
    if not answer.startswith(b"HTTP/1.1 101"):
        sys.exit(f"the chat socket answers {answer.decode()}")
    writer.write(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )
    return server_reader, server_writer


async def serve(reader, writer, address, token):
    server_reader, server_writer = await handshake(reader, writer, address, token)
    texts = asyncio.Queue()

    async def to_server():
        frames, text = Frames(), None
        while data := await reader.read(65536):
            for first, payload, _ in frames.feed(data):
                opcode = first & 0xF
                if opcode == TEXT:
                    text = payload
                elif opcode == CONTINUE and text is not None:
                    text += payload
                if opcode in (TEXT, CONTINUE) and first & 0x80 and text is not None:
                    texts.put_nowait(text)
                    text = None
            server_writer.write(data)
            await server_writer.drain()
        server_writer.write_eof()

    async def to_client():
        frames = Frames()
        while data := await server_reader.read(65536):
            for first, _, frame in frames.feed(data):
                if first & 0xF == TEXT:
                    text = texts.get_nowait()
                    size = len(text)
                    length = bytes([size]) if size < 126 else struct.pack(">BH", 126, size)
                    frame = bytes([first]) + length + text
                writer.write(frame)
            await writer.drain()

    reading = asyncio.create_task(to_server())
    try:
        await to_client()
    except ConnectionError:
        pass
    reading.cancel()
    for end in (writer, server_writer):
        end.close()


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    token = sys.argv[2]

    async def accept(reader, writer):
        try:
            await serve(reader, writer, (host, int(port)), token)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
