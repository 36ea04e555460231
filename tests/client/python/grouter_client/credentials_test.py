"""Credentials: from files and from the environment, against the real server with TLS."""

import pathlib
import subprocess
import tempfile
import unittest

import grpc

from tests.client.python import served_plans

client = served_plans.import_client()

TOKEN = "a-token-of-twenty-bytes"


def self_signed(folder):
    """A server's certificate that is its own authority."""
    certificate, key = folder / "server.pem", folder / "server.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=head"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return certificate, key


class CredentialsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        certificate, key = self_signed(cls.folder)
        (cls.folder / "tokens").write_text(f"tester {TOKEN}\n")
        (cls.folder / "token").write_text(TOKEN + "\n")
        cls.ca = str(certificate)
        cls.credentials = client.Credentials(tls_ca=cls.ca, token_file=str(cls.folder / "token"))
        arguments = ["--tls_cert", cls.ca, "--tls_key", str(key), "--token_file", str(cls.folder / "tokens")]
        cls.job = cls.enterClassContext(served_plans.ServedJob(arguments, cls.credentials))

    def test_plans_come_over_tls_to_who_has_a_token(self):
        step = client.get_plan(self.job.address, self.job.digest, 1, 0, credentials=self.credentials)
        self.assertEqual(step.part, client.decode_step(self.job.payloads[3]))
        with client.PlanStream(
            self.job.address, self.job.digest, rank=0, credentials=self.credentials
        ) as stream:
            self.assertEqual(len(list(stream)), 6)

    def test_without_a_token_the_server_refuses(self):
        with self.assertRaises(grpc.RpcError) as caught:
            only_ca = client.Credentials(tls_ca=self.ca)
            client.get_plan(self.job.address, self.job.digest, 1, 0, credentials=only_ca)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAUTHENTICATED)

    def test_the_environment_names_the_same_files(self):
        environment = {"GROUTER_TLS_CA": "/ca", "GROUTER_TOKEN_FILE": "/token", "GROUTER_TLS_KEY": ""}
        self.assertEqual(
            client.Credentials.from_environment(environment),
            client.Credentials(tls_ca="/ca", token_file="/token"),
        )

    def test_what_does_not_go_together_is_refused_before_anything_is_sent(self):
        token = str(self.folder / "token")
        for wrong in (
            client.Credentials(token_file=token),
            client.Credentials(tls_ca=self.ca, tls_cert=self.ca),
            client.Credentials(tls_ca=self.ca, token_file=str(self.folder / "tokens")),
        ):
            with self.assertRaises(ValueError):
                client.open_channel("127.0.0.1:1", wrong)


if __name__ == "__main__":
    unittest.main()
