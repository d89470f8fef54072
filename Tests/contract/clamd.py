"""A scanner that finds nothing, and breaks off over one word: what clamd's INSTREAM looks like from outside."""

import socketserver
import struct
import threading


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        command = self.take_until(b"\0")
        if command != b"zINSTREAM":
            return
        content = b""
        while size := struct.unpack(">I", self.take(4))[0]:
            content += self.take(size)
        if b"BREAKS-OFF" not in content:
            self.request.sendall(b"stream: OK\0")

    def take_until(self, end):
        found = b""
        while not found.endswith(end):
            found += self.take(1)
        return found[:-1]

    def take(self, count):
        found = b""
        while len(found) < count:
            piece = self.request.recv(count - len(found))
            if not piece:
                raise ConnectionError("the other side has gone")
            found += piece
        return found


class Clamd:
    def __enter__(self):
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
