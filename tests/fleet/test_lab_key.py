"""What the panel's key can do on a host: speak to the agent, and nothing else."""

import json
import socket
import subprocess
from collections.abc import Iterator

import paramiko
import pytest
from django.conf import settings

from controlpanel.agent.install import USER
from controlpanel.fleet.connection import open_socket, parse_host_key
from controlpanel.fleet.models import Host
from tests.panel import wait_until

from .hosts import running

pytestmark = pytest.mark.lab


@pytest.fixture
def host() -> Host:
    return running("web")[0]


@pytest.fixture
def transport(host: Host) -> Iterator[paramiko.Transport]:
    """An SSH connection with the panel's key, by somebody who means harm."""
    transport = paramiko.Transport(open_socket(host.address, host.port))
    transport.connect(parse_host_key(host.host_key), USER, pkey=paramiko.PKey.from_path(settings.PANEL_SSH_KEY_FILE))
    yield transport
    transport.close()


@pytest.fixture
def options(host: Host, tmp_path) -> list[str]:
    """Of OpenSSH's programs, for the panel's key and this host."""
    known = tmp_path / "known_hosts"
    known.write_text(f"{host.address} {host.host_key}\n")
    options = ["-F", "none", "-i", settings.PANEL_SSH_KEY_FILE, "-o", f"UserKnownHostsFile={known}"]
    return [*options, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5"]


@pytest.fixture
def target(host: Host) -> str:
    return f"{USER}@{host.address}"


@pytest.fixture
def ssh(options, target):
    """Run a program of OpenSSH; ``{}`` stands for user@address."""

    def run(program: str, *args: str, **kwargs) -> "subprocess.CompletedProcess[bytes]":
        filled = [arg.replace("{}", target) for arg in args]
        return subprocess.run([program, *options, *filled], capture_output=True, timeout=30, **kwargs)

    return run


def says_hello_only(output: bytes) -> bool:
    lines = output.splitlines()
    return len(lines) == 1 and "hello" in json.loads(lines[0])


@pytest.mark.parametrize("command", ["id", "/bin/sh", "sudo -n id", "serve; id", "$(id)", "python3 -c 'print(1)'"])
def test_no_other_command(ssh, command):
    done = ssh("ssh", "{}", command, input=b"")
    assert says_hello_only(done.stdout), done


def test_no_shell(ssh):
    done = ssh("ssh", "{}", input=b"id\nexit\n")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "hello" in lines[0]
    assert [line["error"]["code"] for line in lines[1:]] == ["invalid", "invalid"], "the agent reads it, no shell does"


def test_no_terminal(transport):
    with pytest.raises(paramiko.SSHException):
        transport.open_session(timeout=10).get_pty()


@pytest.mark.parametrize("program", ["sftp", "scp", "scp -O"])
def test_no_files(ssh, program, tmp_path):
    name, *flags = program.split()
    got = tmp_path / "got"
    source = "{}:/etc/hostname"
    done = ssh(name, *flags, source, str(got))
    assert done.returncode != 0 and not got.exists()
    (tmp_path / "mine").write_text("x")
    if name == "scp":
        assert ssh(name, *flags, str(tmp_path / "mine"), "{}:/tmp/mine").returncode != 0


def test_no_sftp_subsystem(transport):
    channel = transport.open_session(timeout=10)
    channel.settimeout(10)
    channel.invoke_subsystem("sftp")
    assert says_hello_only(channel.makefile("rb").readline()), "the forced command runs instead: the agent, no SFTP"


@pytest.mark.parametrize("behind", [("127.0.0.1", 22), ("127.0.0.1", 80), ("10.77.0.5", 5432)])
def test_no_forwarding_from_here(transport, behind):
    """ssh -L, -D and -W: a channel to somewhere behind the host."""
    with pytest.raises(paramiko.ChannelException) as refused:
        transport.open_channel("direct-tcpip", behind, ("127.0.0.1", 1), timeout=10)
    assert refused.value.code == 1, "administratively prohibited"


def test_no_forwarding_with_openssh(ssh, host):
    done = ssh("ssh", "-W", "127.0.0.1:22", "{}", input=b"")
    assert done.returncode != 0 and b"SSH-2.0" not in done.stdout
    assert b"prohibited" in done.stderr


def test_no_forwarding_from_there(transport, ssh):
    """ssh -R: a port on the host that leads to us."""
    with pytest.raises(paramiko.SSHException):
        transport.request_port_forward("127.0.0.1", 0)
    done = ssh("ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:22", "{}")
    assert done.returncode != 0 and b"remote port forwarding failed" in done.stderr


def test_no_forwarding_of_sockets(options, target, tmp_path):
    """A local socket that leads to one on the host that is open to everybody there, as those of databases are."""
    local = tmp_path / "local"
    command = ["ssh", *options, "-N", "-L", f"{local}:/run/systemd/journal/stdout", target]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as client:
        try:
            wait_until(local.exists, 10)
            with socket.socket(socket.AF_UNIX) as ours:
                ours.settimeout(10)
                ours.connect(str(local))
                assert ours.recv(100) == b""
        finally:
            client.terminate()
            complaint = client.communicate(timeout=10)[1]
    assert b"open failed" in complaint


def test_no_agent_and_no_x11(transport):
    channel = transport.open_session(timeout=10)
    with pytest.raises(paramiko.SSHException):
        channel.request_x11(handler=lambda *_: None)
    channel = transport.open_session(timeout=10)
    # The answer to this request is not waited for by paramiko: that nothing comes back through it is what counts.
    channel.request_forward_agent(lambda channel: None)
    channel.settimeout(10)
    channel.exec_command("env")
    assert says_hello_only(channel.makefile("rb").readline())


def test_nobody_else_gets_in(host, tmp_path):
    """Only the panel's key, and no password, opens this user."""
    other = paramiko.Ed25519Key.from_private_key_file(_new_key(tmp_path))
    transport = paramiko.Transport(open_socket(host.address, host.port))
    try:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey(USER, other)
        for password in ("", "*", USER):
            with pytest.raises((paramiko.AuthenticationException, paramiko.SSHException, socket.error)):
                transport.auth_password(USER, password, fallback=False)
    finally:
        transport.close()


def _new_key(folder) -> str:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return str(path)


def test_the_key_is_for_that_user_only(host):
    """Root's door was open for enrolment with another key; the panel's key never opens it."""
    transport = paramiko.Transport(open_socket(host.address, host.port))
    try:
        transport.start_client(timeout=10)
        with pytest.raises(paramiko.AuthenticationException):
            transport.auth_publickey("root", paramiko.PKey.from_path(settings.PANEL_SSH_KEY_FILE))
    finally:
        transport.close()
