"""A mail server for tests: python smtp_sink.py PORT FOLDER. Writes every mail it accepts to FOLDER/NUMBER.eml, the
number being the time of acceptance in milliseconds since 1970 and a running number, and prints `ready` first."""
import asyncio
import pathlib
import sys
import time

from aiosmtpd.controller import Controller


class Keep:
    count = 0

    async def handle_DATA(self, server, session, envelope):
        Keep.count += 1
        name = f"{time.time_ns() // 1_000_000}-{Keep.count:04}"
        recipients = ",".join(envelope.rcpt_tos)
        folder = pathlib.Path(sys.argv[2])
        new = folder / f"{name}.new"
        new.write_bytes(f"X-Envelope-To: {recipients}\r\n".encode() + envelope.content)
        new.rename(folder / f"{name}.eml")
        return "250 kept"


controller = Controller(Keep(), hostname="127.0.0.1", port=int(sys.argv[1]))
controller.start()
print("ready", flush=True)
asyncio.new_event_loop().run_forever()
