"""The commands on an account, one after the other, against its control plane."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secured import Authority, SecuredServer, perdure, running
from test_secured_pages import Browser


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    with running(SecuredServer(tmp_path_factory.mktemp("account") / "it")) as server:
        yield server


def test_the_owner_and_the_account(account: SecuredServer) -> None:
    assert account.cloud("whoami").data()["user"]["spec"]["email"] == "owner@localhost.test"
    assert account.cloud("account", "get").data()["id"] == "a2dd6"
    [region] = account.cloud("region", "list").data()
    assert account.cloud("region", "get", "--region", region["id"]).data() == region


def test_a_namespace_and_its_settings(account: SecuredServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    made = account.cloud(
        "namespace", "create", "--name", "orders", "--retention-days", "7", "--tag", "team=pay",
        "--search-attribute", "Tier=Keyword", "--ca-file", authority.certificate,
    ).data()  # fmt: skip
    assert made["namespace"] == "orders.a2dd6"
    assert made["asyncOperation"]["state"] == "STATE_FULFILLED"
    chosen = ["-n", made["namespace"]]

    def change(*words: str | Path) -> None:
        answer = account.cloud("namespace", *words, *chosen).data()
        assert answer["asyncOperation"]["state"] == "STATE_FULFILLED"

    change("retention", "set", "--retention-days", "9")
    assert account.cloud("namespace", "retention", "get", *chosen).data() == {"retentionDays": 9}
    again = account.cloud("namespace", "retention", "set", "--retention-days", "9", *chosen)
    assert again.code == 1 and "nothing to change" in again.stderr, again.said
    assert account.cloud("namespace", "retention", "set", "--retention-days", "9", "--idempotent", *chosen).code == 0
    beyond = account.cloud("namespace", "retention", "set", "--retention-days", "91", *chosen)
    assert beyond.code == 1 and "90" in beyond.stderr, beyond.said
    stale = account.cloud(
        "namespace", "retention", "set", "--retention-days", "5", "--resource-version", "old", *chosen
    )
    assert stale.code == 1 and "version" in stale.stderr, stale.said

    change("search-attributes", "add", "--search-attribute", "Amount=Int")
    shown = account.cloud("namespace", "search-attributes", "list", *chosen).data()
    assert shown == {"searchAttributes": "Amount=Int, Tier=Keyword"}
    change("tags", "upsert", "--tag", "stage=test")
    change("tags", "remove", "--key", "team")
    assert account.cloud("namespace", "tags", "list", *chosen).data() == {"stage": "test"}
    change("auth-method", "set", "--method", "api_key_or_mtls")
    assert account.cloud("namespace", "auth-method", "get", *chosen).data() == {"auth": "mtls, api_key"}
    change("update-codec-server", "--endpoint", "https://codec.example.com")
    filters = {"filters": [{"commonName": "a*"}, {"organization": "Acme", "subjectAlternativeName": "*.b"}]}
    (tmp_path / "filters.json").write_text(str(filters).replace("'", '"'))
    change("certificate-filters", "import", "--file", tmp_path / "filters.json")
    assert account.cloud("namespace", "certificate-filters", "export", *chosen).data() == filters
    change("certificate-filters", "clear")
    [accepted] = account.cloud("namespace", "accepted-client-ca", "list", *chosen).data()
    assert accepted["certificate"] == authority.certificate.read_text()
    spec = account.cloud("namespace", "get", *chosen).data()["spec"]
    assert spec["retentionDays"] == 9 and spec["codecServer"]["endpoint"] == "https://codec.example.com"

    change("lifecycle", "set", "--enable-delete-protection", "true")
    kept = account.cloud("namespace", "delete", "--yes", *chosen)
    assert kept.code == 1 and "delete protection" in kept.stderr, kept.said
    change("lifecycle", "set", "--enable-delete-protection", "false")
    change("delete", "--yes")
    assert made["namespace"] not in [found["namespace"] for found in account.cloud("namespace", "list").data()]
    assert account.cloud("namespace", "get", *chosen).code == 1


def test_operations_are_awaited_and_repeated_safely(account: SecuredServer) -> None:
    create = ["namespace", "create", "--name", "twice", "--api-key-auth", "--async-operation-id", "once", "--async"]
    begun = [account.cloud(*create).data()["asyncOperation"]["id"] for _ in range(2)]
    assert begun == ["once", "once"]
    assert account.cloud("operation", "wait", "--id", "once").data()["state"] == "STATE_FULFILLED"
    assert account.cloud("operation", "get", "--id", "once").data()["operationType"] == "CreateNamespace"
    other = account.cloud("namespace", "create", "--name", "twice", "--api-key-auth")
    assert other.code == 1 and "already exists" in other.stderr, other.said
    assert account.cloud("namespace", "create", "--name", "twice", "--api-key-auth", "--idempotent").code == 0
    assert "not found" in account.cloud("operation", "get", "--id", "nothing").stderr


def test_users(account: SecuredServer) -> None:
    invited = account.cloud("user", "invite", "--email", "ann@example.com", "--account-role", "developer").data()
    chosen = ["--user-id", invited["userId"]]
    account.cloud("user", "update", *chosen, "--account-role", "Read").data()
    by_email = account.cloud("user", "get", "--email", "ann@example.com").data()
    assert by_email["spec"]["access"]["accountAccess"]["role"] == "ROLE_READ"
    assert len(account.cloud("user", "list").data()) == 2
    account.cloud("user", "delete", *chosen).data()
    assert len(account.cloud("user", "list").data()) == 1


def test_login_links(account: SecuredServer) -> None:
    invited = account.cloud("user", "invite", "--email", "bob@example.com", "--account-role", "read").data()
    link = account.cloud("user", "login-link", "--email", "bob@example.com").data()["loginLink"]
    later = account.cloud("user", "login-link", "--user-id", invited["userId"]).data()["loginLink"]
    assert Browser().log_in(link)[0] == 401, "a new link voids the one before"
    status, url, page = Browser().log_in(later)
    assert (status, url.rpartition("/")[2]) == (200, "namespaces") and "bob@example.com" in page
    assert Browser().log_in(later)[0] == 401, "a link works once"
    key = account.cloud("apikey", "create", "--name", "bob", "--user-id", invited["userId"]).data()["token"]
    assert account.cloud("user", "login-link", "--email", "bob@example.com", key=key).code == 0
    other = account.cloud("user", "login-link", "--email", "owner@localhost.test", key=key)
    assert other.code == 1 and "Request unauthorized." in other.stderr, other.said
    written = [record for record in account.cloud("audit-log", "list").data() if record["operation"] == "CreateLoginLink"]
    assert [record["status"] for record in written] == ["OK", "OK", "OK", "ERROR"]
    assert later.partition("code=")[2] not in str(written)
    account.cloud("user", "delete", "--user-id", invited["userId"]).data()


def test_service_accounts_and_their_keys(account: SecuredServer) -> None:
    namespace = account.create_namespace("robots", "--api-key-auth")
    made = account.cloud("service-account", "create-scoped", "--name", "one", "-n", namespace, "--permission", "read")
    one = made.data()["serviceAccountId"]
    spec = account.cloud("service-account", "get", "--service-account-id", one).data()["spec"]
    assert spec["namespaceScopedAccess"]["namespace"] == namespace
    wide = account.cloud("service-account", "create", "--name", "two").data()["serviceAccountId"]
    chosen = ["--service-account-id", wide]
    account.cloud("service-account", "set-namespace-access", *chosen, "-n", namespace, "--permission", "write").data()
    account.cloud("service-account", "update", *chosen, "--description", "moves money").data()
    spec = account.cloud("service-account", "get", *chosen).data()["spec"]
    assert spec["description"] == "moves money"
    assert spec["access"]["namespaceAccesses"][namespace]["permission"] == "PERMISSION_WRITE"

    key = account.cloud("apikey", "create", "--name", "k", *chosen).data()
    account.cloud("apikey", "update", "--id", key["keyId"], "--description", "for tests").data()
    [listed] = account.cloud("apikey", "list", "--owner-id", wide).data()
    assert listed["spec"]["description"] == "for tests" and "token" not in listed
    brief = account.cloud("apikey", "create", "--name", "brief", *chosen, "--duration", "1h")
    assert brief.code == 1 and "expiry must be after" in brief.stderr, brief.said
    denied = account.cloud("namespace", "create", "--name", "mine", "--api-key-auth", key=key["token"])
    assert denied.code == 1 and "Request unauthorized." in denied.stderr, denied.said
    account.cloud("service-account", "delete", *chosen).data()
    assert account.cloud("whoami", key=key["token"]).code == 1

    records = account.cloud("audit-log", "list").data()
    assert {record["operation"] for record in records} >= {"CreateServiceAccount", "CreateNamespaceAPI"}
    assert "ERROR" in {record["status"] for record in records}
    assert key["token"] not in str(records)


def test_a_new_account_says_what_to_export_and_where_files_stand(tmp_path: Path) -> None:
    made = perdure("cloud", "init", "--directory", tmp_path / "it")
    authority = tmp_path / "it" / "ca" / "server-ca.pem"
    assert made.code == 0 and f"export SSL_CERT_FILE={authority}\n" in made.stdout and authority.is_file(), made.said
    assert "From this machine all is reached as localhost" in made.stdout, made.stdout
    names = [path.name for path in (tmp_path / "it").rglob("*") if path.suffix in (".pem", ".key")]
    assert len(names) == len(set(names)), names


def test_certificates_are_not_overwritten(tmp_path: Path) -> None:
    Authority(tmp_path)
    again = perdure("cloud", "cert", "generate-ca", "--organization", "X", "--ca-cert", tmp_path / "ca.pem",
                    "--ca-key", tmp_path / "ca.key")  # fmt: skip
    assert again.code == 1 and "is there already" in again.stderr, again.said
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0
    server = perdure("cloud", "cert", "generate-leaf", "--organization", "X", "--server")
    assert server.code == 1 and "name its files with --cert and --key" in server.stderr, server.said


def test_without_a_key_the_commands_say_where_keys_come_from() -> None:
    refused = perdure("cloud", "namespace", "list")
    assert refused.code == 1 and "perdure cloud init" in refused.stderr, refused.said
