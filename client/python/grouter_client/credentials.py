"""What a client shows a server, and how it knows the server: files, or the environment."""

import dataclasses
import os
import pathlib

import grpc


# HTTP/2's own window and frames as large from the start as gRPC would make them after seconds of measuring: what is under
# way is bounded by credit. Any settings work; these are the fast ones.
CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # a connection of its own
    ("grpc.http2.lookahead_bytes", 8 << 20),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.max_frame_size", (1 << 24) - 1),
)


@dataclasses.dataclass(frozen=True)
class Credentials:
    """Paths of files; all None: plain TCP. They are read for each new channel.

    tls_ca: PEM of whoever signs the servers' certificates; given: TLS. tls_cert, tls_key: what names this client.
    token_file: a bearer token, alone in its file; it goes over TLS only.
    """

    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    token_file: str | None = None

    @classmethod
    def from_environment(cls, environment=os.environ):
        """GROUTER_TLS_CA, GROUTER_TLS_CERT, GROUTER_TLS_KEY, GROUTER_TOKEN_FILE."""
        names = ("tls_ca", "tls_cert", "tls_key", "token_file")
        return cls(**{name: environment.get(f"GROUTER_{name.upper()}") or None for name in names})


def open_channel(server, credentials=None):
    """A channel to a server: by `credentials`, or by those in the environment. Raises ValueError and OSError."""
    given = Credentials.from_environment() if credentials is None else credentials
    if server.startswith("unix:") or given == Credentials():
        return grpc.insecure_channel(server, CHANNEL_OPTIONS)
    if given.tls_ca is None:
        raise ValueError("a token or a certificate goes over TLS only; give tls_ca")
    if (given.tls_cert is None) != (given.tls_key is None):
        raise ValueError("a certificate and its key go together; give tls_cert and tls_key")

    def read(path):
        return None if path is None else pathlib.Path(path).read_bytes()

    channel = grpc.ssl_channel_credentials(read(given.tls_ca), read(given.tls_key), read(given.tls_cert))
    if given.token_file is not None:
        words = pathlib.Path(given.token_file).read_text().split()
        if len(words) != 1:
            raise ValueError("token_file does not hold one token alone")
        channel = grpc.composite_channel_credentials(channel, grpc.access_token_call_credentials(words[0]))
    return grpc.secure_channel(server, channel, CHANNEL_OPTIONS)
