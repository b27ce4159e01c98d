"""The schema job: both databases, safe to run again, no password among process arguments."""

from pathlib import Path

from tests.deploy.fakes import FakeProgram, run

_DATABASE = {"POSTGRES_SEEDS": "postgresql", "POSTGRES_USER": "temporal", "POSTGRES_PWD": "s3cret-password"}


def test_creates_and_updates_both_databases(tmp_path: Path) -> None:
    tool = FakeProgram(tmp_path, "temporal-sql-tool", 'test "$SQL_PASSWORD" = s3cret-password')

    done = run("setup-schema.sh", tmp_path, _DATABASE)

    assert done.returncode == 0, done.stderr
    verbs = [call.split("--database ")[1] for call in tool.calls]
    assert verbs == [
        "temporal create",
        "temporal setup-schema -v 0.0",
        "temporal update-schema -d /etc/temporal/schema/postgresql/v12/temporal/versioned",
        "temporal_visibility create",
        "temporal_visibility setup-schema -v 0.0",
        "temporal_visibility update-schema -d /etc/temporal/schema/postgresql/v12/visibility/versioned",
    ]


def test_password_is_no_argument(tmp_path: Path) -> None:
    tool = FakeProgram(tmp_path, "temporal-sql-tool", "")

    run("setup-schema.sh", tmp_path, _DATABASE)

    assert tool.calls
    assert not any("s3cret-password" in call for call in tool.calls)


def test_second_run_survives_what_exists(tmp_path: Path) -> None:
    FakeProgram(tmp_path, "temporal-sql-tool", 'case "$*" in *update-schema*) exit 0 ;; *) exit 1 ;; esac')

    done = run("setup-schema.sh", tmp_path, _DATABASE)

    assert done.returncode == 0
    assert "temporal: exists already" in done.stdout


def test_failed_update_fails_the_job(tmp_path: Path) -> None:
    FakeProgram(tmp_path, "temporal-sql-tool", 'case "$*" in *update-schema*) exit 1 ;; esac')

    assert run("setup-schema.sh", tmp_path, _DATABASE).returncode == 1


def test_missing_variable_is_named(tmp_path: Path) -> None:
    done = run("setup-schema.sh", tmp_path, {})

    assert done.returncode != 0
    assert "POSTGRES_SEEDS" in done.stderr
