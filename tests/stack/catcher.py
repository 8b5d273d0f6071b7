"""Stands in for Mailpit: python catcher.py SMTP_PORT HTTP_PORT FOLDER. Writes every mail it accepts to FOLDER/NUMBER.eml
and answers every HTTP request with 200."""
import http.server
import pathlib
import sys

from aiosmtpd.controller import Controller


class Keep:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        Keep.count += 1
        folder = pathlib.Path(sys.argv[3])
        new = folder / f"{Keep.count:04}.new"
        new.write_bytes(b"X-Envelope-To: " + ",".join(envelope.rcpt_tos).encode() + b"\r\n" + envelope.content)
        new.chmod(0o644)
        new.rename(new.with_suffix(".eml"))
        return "250 kept"


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


Keep.count = len(list(pathlib.Path(sys.argv[3]).glob("*.eml")))
Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1])).start()
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Page).serve_forever()
