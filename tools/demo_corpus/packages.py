"""The Debian packages the demo corpus is made from: which, where they are kept, and how they are fetched."""

import hashlib
import os
import subprocess
from pathlib import Path

# SHA-256 of the version each was last tried with. Debian updates packages; another hash is a warning.
RECORDED = {
    "bible-kjv": "75a49c032a6efa9faa2beb4a9acb70974380122906329d0e100de36cc88ff02d",
    "bible-kjv-text": "d61b6aad4c51ba9e2800b825325fa6a09e99a0d02a9bb6dc4724fcc4995a1b7a",
    "dict-foldoc": "745cbedb55c2da609cc88ee0284e9d11a67a11ae3709daf7bad0e895ac3294c3",
    "fortunes-ru": "2dc76af9c0e02e2926d36f88dcb685bb171fab8677e553a6def41efe8a551cc6",
    "gnulib": "5c72af7f9fe2ad2e311ca2d98722d0d4b9852d0db109dce37734f3f2f4237d24",
    "libeigen3-dev": "1a167bb381acb90c1d8450a8f3e66a09d216dbc64b33ac8a082a0912513ef939",
    "libpython3.11-stdlib": "10f13e000ee757f5f2d2d3569f9e30546214a0c850acd78695feae373bfa3e53",
    "libreadline8": "e02ebbd3701cf468dbf98d6d917fbe0325e881f07fe8b316150c8d2a64486e66",  # the `bible` program needs it; nothing of it is in the corpus
    "manpages-de": "37d2e7ee51f22952aecec3af93647ff59194a3c74bb7a694560f49c7f7ab3978",
    "manpages-de-dev": "cb3d7c10977dd3c811065d89e0d912196ec5e6f2551308edb0ba72e02da838d7",
    "manpages-fr": "ec29759cc0e4a44dc7719c1e32869d0060667049e584f09556f0d982b969ea33",
    "manpages-fr-dev": "25f5a53208d92f0a69a89e349edfb3068e6e6e4e0673fe712dd0d3b0c5b1512d",
    "manpages-ja": "4d270e9a1e83be4de0c072a110892a17dc9caa4b501257324006ac28d82c5743",
    "manpages-ja-dev": "eab2ad5f14a87b3911c48c90cef92f85d0e77ca5356923f9f9fbc38a86601d1e",
    "manpages-ru": "5d5821dad5840652ba9c1c6b85bdc785c1fc52148a71c18fab6658c9659244c0",
    "manpages-zh": "81bae29495f6445db290e3f329f1203eb19b651c2a7ea165b74ebdc853a32ac1",
    "metamath-databases": "c72523c221db6c1039fa909150f9c53fb9175809792f2e80e55e1baa965445a1",
    "python3.11-doc": "5b3594189d6ef9a6963ce0347fd307a1cc67620ad697e144db366070e2e146be",
    "r-cran-janeaustenr": "df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
    "sbcl-source": "908656efc0892047dba4f32bddd38388cd4f590c2e149c90f757afc97388cd38",
}
DOWNLOAD_MEGABYTES = 68
UNPACKED_MEGABYTES = 260


class PackageError(Exception):
    """A package that cannot be had; the message says which and what to do."""


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def newest(folder, package):
    """The downloaded file of `package` in `folder`, or None."""
    found = sorted(folder.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
    return found[-1] if found else None


def apt_get_download(packages, folder):
    """Runs apt-get; returns its exit code and its error lines."""
    command = ["apt-get", "download", "-q", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30"]
    if os.geteuid() == 0:
        command += ["-o", "APT::Sandbox::User=root"]
    done = subprocess.run(
        command + packages,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr.strip()


def download(packages, folder, run=apt_get_download, say=print):
    """Makes sure a file of each package lies in `folder`; returns {package: path}. Needs no rights."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [package for package in packages if newest(folder, package) is None]
    if missing:
        say(f"downloading {len(missing)} Debian packages into {folder}")
        code, _ = run(missing, folder)
        if code != 0:  # find out which one it is
            for package in [p for p in missing if newest(folder, p) is None]:
                code, errors = run([package], folder)
                if code != 0:
                    raise PackageError(
                        f"package {package} cannot be downloaded ({errors.splitlines()[-1] if errors else 'apt-get failed'});"
                        f" check the network and run: apt-get update && apt-get download {package}"
                    )
    files = {package: newest(folder, package) for package in packages}
    for package, path in files.items():
        if path is None:
            raise PackageError(
                f"package {package} was not downloaded ({folder}); run: apt-get download {package}"
            )
    return files


def unpack(package, archive, folder):
    """Unpacks `archive` into folder/package unless that very file was unpacked there before."""
    target = folder / package
    digest = sha256_of(archive)
    stamp = folder / f"{package}.sha256"
    if target.is_dir() and stamp.is_file() and stamp.read_text() == digest:
        return target, digest
    subprocess.run(["rm", "-rf", str(target)], check=True)
    target.mkdir(parents=True)
    done = subprocess.run(
        ["dpkg-deb", "-x", str(archive), str(target)], stderr=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise PackageError(
            f"package {package} is damaged ({archive}: {done.stderr.strip()}); remove the file and run again"
        )
    stamp.write_text(digest)
    return target, digest


def fetch(folder, say=print):
    """Downloads and unpacks all packages under `folder`. Returns {package: unpacked folder} and the inputs' facts."""
    archives = download(sorted(RECORDED), Path(folder) / "packages", say=say)
    roots, inputs = {}, []
    for package, archive in archives.items():
        roots[package], digest = unpack(package, archive, Path(folder) / "unpacked")
        if digest != RECORDED[package]:
            say(f"warning: {archive.name} is not the version this was last tried with (SHA-256 {digest})")
        inputs.append(
            {"package": package, "file": archive.name, "bytes": archive.stat().st_size, "sha256": digest}
        )
    return roots, inputs
