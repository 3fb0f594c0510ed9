"""Certificates for tests, made by openssl in a directory."""
import pathlib
import subprocess


class Authority:
    """A certificate authority of its own."""

    def __init__(self, directory, name="ca"):
        self.dir = pathlib.Path(directory)
        self.name = name
        self.certificate = self.dir / f"{name}.pem"
        self.key = self.dir / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN=tsagg test {name}", "-keyout", self.key, "-out", self.certificate)

    def issue(self, name, usage="serverAuth", days="2"):
        """(certificate, key): files for 127.0.0.1, of this extended usage."""
        certificate, key, request = (self.dir / f"{name}.{ending}" for ending in ("pem", "key", "csr"))
        extensions = self.dir / f"{name}.ext"
        extensions.write_text(f"subjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\nbasicConstraints=CA:FALSE\n")
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", certificate)
        return certificate, key


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
