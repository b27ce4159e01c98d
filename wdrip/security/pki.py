"""Certificate authorities and certificates, of the kinds that kubeadm makes itself.

RSA keys of 2048 bits throughout, as kubeadm: every Kubernetes minor release reads them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFETIME = timedelta(days=3650)
"""Ten years, as kubeadm's authorities."""

ETCD_LIFETIME = CA_LIFETIME
"""etcd's certificates live as long as their authority: nothing renews them yet, and an expired one stops
the cluster."""

CLIENT_LIFETIME = timedelta(days=365)
"""One year, as kubeadm's admin kubeconfig: a new one is signed at every `wdrip get -r kubeconfig`."""

BOOTSTRAP_LIFETIME = timedelta(hours=1)
"""How long a machine may join with what it was given: joining follows within minutes, another attempt is
given another certificate."""

_KEY_BITS = 2048
# Machines' clocks may be a little behind when the first certificate is used.
_BACKDATED = timedelta(minutes=5)

_SERVER, _CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, repr=False)
class KeyPair:
    """A certificate and its private key, both PEM text."""

    certificate: str
    key: str


def new_private_key() -> rsa.RSAPrivateKey:
    """A fresh RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """The key as PKCS#1 PEM, the form that kubeadm writes."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def public_pem(private: str) -> str:
    """The public half of a PEM private key, as PEM."""
    return (
        _load_key(private)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def new_authority(common_name: str) -> KeyPair:
    """A self-signed certificate authority."""
    key = new_private_key()
    subject = _subject(common_name, ())
    certificate = (
        _builder(subject, subject, key, CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return KeyPair(_pem(certificate), private_pem(key))


def issue_server_and_client(
    authority: KeyPair, common_name: str, hosts: Iterable[str], lifetime: timedelta
) -> KeyPair:
    """A certificate for both ends of a connection, as etcd members use among themselves.

    hosts: addresses and DNS names that it is valid for.
    """
    return _issue(authority, common_name, (), hosts, (_SERVER, _CLIENT), lifetime)


def issue_client(
    authority: KeyPair,
    common_name: str,
    organizations: Sequence[str] = (),
    lifetime: timedelta = CLIENT_LIFETIME,
) -> KeyPair:
    """A client certificate; Kubernetes reads user and groups from common name and organizations."""
    return _issue(authority, common_name, organizations, (), (_CLIENT,), lifetime)


def _issue(
    authority: KeyPair,
    common_name: str,
    organizations: Sequence[str],
    hosts: Iterable[str],
    usages: Sequence[x509.ObjectIdentifier],
    lifetime: timedelta,
) -> KeyPair:
    key = new_private_key()
    issuer = x509.load_pem_x509_certificate(authority.certificate.encode())
    builder = (
        _builder(_subject(common_name, organizations), issuer.subject, key, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    )
    names = [_general_name(host) for host in hosts]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(_load_key(authority.key), hashes.SHA256())
    return KeyPair(_pem(certificate), private_pem(key))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPrivateKey, lifetime: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + lifetime)
    )


def _subject(common_name: str, organizations: Sequence[str]) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, each) for each in organizations]
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _load_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("not an RSA key")
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
