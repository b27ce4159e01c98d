"""Certificates and archives, judged by OpenSSL, as the machines will."""

import hashlib
import io
import subprocess
import tarfile
from datetime import timedelta
from pathlib import Path

import pytest

from wdrip.errors import PermanentError
from wdrip.nodes.operations import (
    BOOTSTRAP_CERTIFICATE_FILE,
    BOOTSTRAP_GROUP,
    BOOTSTRAP_TOKEN_FILE,
    MASTER_SECRET_FILES,
    WORKER_SECRET_FILES,
)
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle
from wdrip.security.handover import encrypt_for_machine
from wdrip.security.machine_files import master_archive, worker_archive


@pytest.fixture(scope="module")
def bundle() -> SecretsBundle:
    return SecretsBundle.new("abcdef.0123456789abcdef")


def openssl(*arguments: str, folder: Path) -> str:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def members(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert all(member.isreg() and member.mode == 0o600 for member in tar)
        return {member.name: tar.extractfile(member).read().decode() for member in tar}  # type: ignore[union-attr]


def test_a_bundle_survives_its_bytes(bundle: SecretsBundle) -> None:
    assert SecretsBundle.from_bytes(bundle.to_bytes()) == bundle


def test_a_damaged_bundle_is_refused_without_quoting_it(bundle: SecretsBundle) -> None:
    with pytest.raises(PermanentError, match="bundle is damaged") as caught:
        SecretsBundle.from_bytes(bundle.to_bytes()[:-10])
    assert caught.value.__cause__ is None
    assert "PRIVATE KEY" not in str(caught.value)


def test_a_bundle_does_not_print_its_content(bundle: SecretsBundle) -> None:
    assert "PRIVATE" not in repr(bundle)
    assert "abcdef" not in repr(bundle)


def test_the_key_of_backups_is_the_clusters_own_and_stays(bundle: SecretsBundle) -> None:
    again = SecretsBundle.from_bytes(bundle.to_bytes())
    assert bundle.backup_key == again.backup_key
    assert len(bundle.backup_key) == 64
    assert bundle.backup_key not in bundle.to_bytes().decode()
    assert SecretsBundle.new("abcdef.0123456789abcdef").backup_key != bundle.backup_key


def test_a_master_gets_what_it_needs_and_etcd_trusts_it(bundle: SecretsBundle, tmp_path: Path) -> None:
    files = members(master_archive(bundle, "192.168.0.77.i-abc", "192.168.0.77"))
    assert tuple(files) == MASTER_SECRET_FILES
    assert files[BOOTSTRAP_TOKEN_FILE] == "abcdef.0123456789abcdef\n"
    for name, text in files.items():
        (tmp_path / name.replace("/", "_")).write_text(text)
    for role in ("server", "peer"):
        for purpose in ("sslserver", "sslclient"):
            openssl(
                *("verify", "-CAfile", "etc_etcd_pki_ca.crt", "-purpose", purpose),
                *("-verify_ip", "192.168.0.77", f"etc_etcd_pki_{role}.crt"),
                folder=tmp_path,
            )
    openssl(
        *("verify", "-CAfile", "etc_etcd_pki_ca.crt", "-purpose", "sslclient"),
        "etc_kubernetes_pki_apiserver-etcd-client.crt",
        folder=tmp_path,
    )
    public = openssl("rsa", "-in", "etc_kubernetes_pki_sa.key", "-pubout", folder=tmp_path)
    assert public == files["etc/kubernetes/pki/sa.pub"]


def test_the_key_of_etcds_authority_reaches_no_machine(bundle: SecretsBundle) -> None:
    archive = master_archive(bundle, "n", "192.168.0.77")
    assert bundle.etcd_ca.key not in "".join(members(archive).values())


def test_a_worker_gets_nothing_that_signs(bundle: SecretsBundle) -> None:
    files = members(worker_archive(bundle))
    assert tuple(files) == WORKER_SECRET_FILES
    everything = "".join(files.values())
    for secret in (*(ca.key for ca in (bundle.cluster_ca, bundle.front_proxy_ca, bundle.etcd_ca)), "abcdef"):
        assert secret not in everything
    assert bundle.service_account_key not in everything


def test_a_machine_may_join_for_an_hour_and_do_nothing_else(bundle: SecretsBundle, tmp_path: Path) -> None:
    for archive in (worker_archive(bundle), master_archive(bundle, "n", "192.168.0.77")):
        (tmp_path / "c.crt").write_text(members(archive)[BOOTSTRAP_CERTIFICATE_FILE])
        text = openssl("x509", "-in", "c.crt", "-noout", "-subject", folder=tmp_path)
        assert text == f"subject=O = {BOOTSTRAP_GROUP}, CN = wdrip:bootstrap\n"
        openssl("x509", "-in", "c.crt", "-noout", "-checkend", "3000", folder=tmp_path)
        expired = subprocess.run(
            ["openssl", "x509", "-in", "c.crt", "-noout", "-checkend", "3601"], cwd=tmp_path, check=False
        )
        assert expired.returncode == 1


def test_a_client_certificate_carries_user_and_group(bundle: SecretsBundle, tmp_path: Path) -> None:
    pair = pki.issue_client(bundle.cluster_ca, "kubernetes-admin", ("system:masters",))
    (tmp_path / "client.crt").write_text(pair.certificate)
    text = openssl("x509", "-in", "client.crt", "-noout", "-subject", "-enddate", folder=tmp_path)
    assert "O = system:masters" in text
    assert "CN = kubernetes-admin" in text
    in_eleven_months = str(int(timedelta(days=335).total_seconds()))
    openssl("x509", "-in", "client.crt", "-noout", "-checkend", in_eleven_months, folder=tmp_path)


def test_only_the_machine_reads_what_was_encrypted_for_it(tmp_path: Path) -> None:
    for name in ("own", "other"):
        openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=m"),
            *("-keyout", f"{name}.key", "-out", f"{name}.crt"),
            folder=tmp_path,
        )
    content = bytes(range(256)) * 300
    encrypted = encrypt_for_machine(content, (tmp_path / "own.crt").read_text())
    (tmp_path / "sealed.der").write_bytes(encrypted)
    decrypt = ("cms", "-decrypt", "-binary", "-inform", "DER", "-in", "sealed.der", "-out", "plain", "-inkey")
    openssl(*decrypt, "own.key", folder=tmp_path)
    assert (tmp_path / "plain").read_bytes() == content
    other = subprocess.run(["openssl", *decrypt, "other.key"], cwd=tmp_path, capture_output=True, check=False)
    # OpenSSL answers a wrong key with random bytes or an error, so that attackers learn nothing from it.
    assert hashlib.sha256((tmp_path / "plain").read_bytes()).digest() != hashlib.sha256(content).digest() or (
        other.returncode != 0
    )


def test_a_certificate_that_is_none_is_refused() -> None:
    with pytest.raises(PermanentError, match="machine's certificate cannot be used"):
        encrypt_for_machine(b"x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
