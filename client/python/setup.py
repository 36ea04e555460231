"""Makes the gRPC stubs from ../../proto with protoc, then builds as pyproject.toml says."""

import pathlib
import shutil
import subprocess

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"


def make_stubs(folder):
    plugin = shutil.which("grpc_python_plugin")
    if shutil.which("protoc") is None or plugin is None:
        raise SystemExit("protoc or grpc_python_plugin is missing; install protobuf-compiler-grpc")
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.glob("grouter/v1/*.proto"))
    folder.mkdir(parents=True, exist_ok=True)
    command = ["protoc", f"-I{PROTO}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    subprocess.run(command + [f"--plugin=protoc-gen-grpc_python={plugin}"] + files, check=True)


class BuildWithStubs(build_py):
    def run(self):
        super().run()
        make_stubs(pathlib.Path(self.build_lib))


setup(cmdclass={"build_py": BuildWithStubs})
