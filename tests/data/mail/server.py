"""A real SMTP server for the tests: aiosmtpd in one of its modes. Prints its port, and keeps each mail in a file named
by the time of acceptance in milliseconds since 1970 and a running number. Without a given PORT it ends with
its standard input.

usage: server.py MODE FOLDER [PORT]   (MODE: plain, starttls, tls; with "+auth" it wants the login me / secret)
An own authority and a certificate for 127.0.0.1 are made in FOLDER first; MODE certificate does nothing else.
"""
import asyncio
import datetime
import ipaddress
import pathlib
import ssl
import sys
import time

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certificate(folder):
    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def signed(subject, key, extensions):
        begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("test authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(begin + datetime.timedelta(days=30))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    (folder / "ca.pem").write_bytes(
        signed("test authority", authority, [(x509.BasicConstraints(True, None), True)])
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    chain = signed("server", key, [(names, False), (x509.BasicConstraints(False, None), True)])
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(chain + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


class Handler:
    def __init__(self, folder):
        self.folder, self.count = folder, 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later@"):
            return "451 4.7.1 greylisted, come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = f"{time.time_ns() // 1_000_000}-{self.count:04}"
        new = self.folder / f"{name}.new"
        new.write_bytes(envelope.original_content)
        new.rename(self.folder / f"{name}.eml")
        return "250 accepted"


def login(server, session, envelope, mechanism, data):
    fine = (data.login, data.password) == (b"me", b"secret")
    return AuthResult(success=fine, handled=fine)


async def main():
    mode, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    context = certificate(folder)
    if mode == "certificate":
        return
    handler, options = Handler(folder), {"hostname": "127.0.0.1", "enable_SMTPUTF8": True}
    if "auth" in mode:
        options.update(authenticator=login, auth_required=True, auth_require_tls=mode.startswith("starttls"))
    if mode.startswith("starttls"):
        options.update(tls_context=context, require_starttls=True)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(handler, loop=loop, **options),
        "127.0.0.1",
        int(sys.argv[3]) if len(sys.argv) > 3 else 0,
        ssl=context if mode.startswith("tls") else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    if len(sys.argv) > 3:
        await server.serve_forever()
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
