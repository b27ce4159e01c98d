"""Secrets on their way to a machine: encrypted so that this one machine alone can read them."""

from cryptography import x509
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

from wdrip.errors import PermanentError


def encrypt_for_machine(content: bytes, certificate_pem: str) -> bytes:
    """CMS EnvelopedData (DER, AES-256-CBC) of `content` for the RSA key of the machine's certificate.

    `openssl cms -decrypt -inform DER` opens it on the machine. CMS does not authenticate the content: the
    machine compares the content's sha256, which it is told by another way.
    Raises PermanentError when the certificate is not one with an RSA key.
    """
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        builder = PKCS7EnvelopeBuilder().set_data(content).add_recipient(certificate)
    except (ValueError, TypeError) as error:
        raise PermanentError(f"the machine's certificate cannot be used: {error}") from error
    return builder.set_content_encryption_algorithm(AES256).encrypt(Encoding.DER, [PKCS7Options.Binary])
