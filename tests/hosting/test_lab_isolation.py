"""What one site can find out about, or do to, another on the same host: nothing."""

import pytest

from tests.hosting.live import LiveSite, neighbours
from tests.panel import Panel, on_host

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def pair(panel: Panel) -> tuple[LiveSite, LiveSite]:
    mine, other = neighbours(panel)
    for site in (mine, other):
        site.put("web/secret.txt", f"secret of {site.id}")
        site.put("include/secret.txt", f"inner secret of {site.id}")
    return mine, other


def test_from_inside_a_php_page_the_neighbour_is_not_there(pair: tuple[LiveSite, LiveSite]) -> None:
    mine, other = pair
    assert other.shows(other.name)  # so that its PHP runs, and could be found
    found = mine.pry(other)

    assert found.pop("own_file") == f"secret of {mine.id}"
    assert (found.pop("uid"), found.pop("gid")) == (mine.uid, mine.uid)
    assert found.pop("groups") == ""
    assert int(found.pop("capabilities"), 16) == 0
    assert int(found.pop("bounding"), 16) & ~0xC0 == 0  # setuid and setgid, which nothing can regain
    assert found.pop("no_new_privileges") == "1"
    assert found.pop("sites_list") == str(mine.id)
    assert found.pop("processes") == str(mine.uid)
    assert int(found.pop("signal_other") or 0) <= 12  # its own
    assert found.pop("shared_memory").split() in (["/dev/shm:", "/tmp:", "/var/tmp:"], [])
    found.pop("link_made")
    assert found.pop("journal") in ("", "-- No entries --")
    # Every other attempt came to nothing.
    assert {name: value for name, value in found.items() if value} == {}


def test_a_link_to_the_neighbours_file_is_not_followed(pair: tuple[LiveSite, LiveSite]) -> None:
    mine, other = pair
    mine.shell(f"ln -sfn {other.root}/web/secret.txt web/link.txt; ln -sfn {other.root}/web web/linked")
    mine.shell("ln -sfn /etc/passwd web/passwd.txt; ln -sfn / web/rootdir; ln -sfn ../include/secret.txt web/own.txt")
    for path in ("/link.txt", "/linked/secret.txt", "/passwd.txt", "/rootdir/etc/passwd"):
        for answer in mine.open(path):
            assert f"secret of {other.id}" not in answer.text, path
            assert "root:" not in answer.text, path


def test_a_web_directory_that_is_a_link_leads_nowhere_else(panel: Panel, pair: tuple[LiveSite, LiveSite]) -> None:
    _mine, other = pair
    site = LiveSite.create(panel, kind="static")
    site.shell(f"mv web web2 && ln -s {other.root}/web web")
    for answer in site.open("/secret.txt"):
        assert f"secret of {other.id}" not in answer.text
    site.shell("rm web && ln -s /etc web")
    for answer in site.open("/passwd"):
        assert "root:" not in answer.text


def test_links_in_place_of_directories_do_not_make_root_give_files_away(panel: Panel) -> None:
    site = LiveSite.create(panel)
    before = on_host(site.host, "stat", "-c", "%u:%g %a", "/etc", "/etc/cron.d", "/root")
    site.shell("rmdir logs bin && ln -s /etc logs && ln -s /etc/cron.d bin && rm -r files && ln -s /root files")
    site.edit(php_workers=2)
    assert on_host(site.host, "stat", "-c", "%u:%g %a", "/etc", "/etc/cron.d", "/root") == before
    assert not on_host(site.host, "sh", "-c", "ls -d /root/tmp 2>/dev/null || true")


def test_even_a_shell_as_the_sites_user_reads_nothing_of_others(pair: tuple[LiveSite, LiveSite]) -> None:
    mine, other = pair
    for path in (
        f"{other.root}/web/secret.txt",
        f"/etc/php/sites/{other.id}.conf",
        f"/var/log/sites/{other.id}/access.log",
        "/var/lib/controlpanel/state.db",
        "/etc/controlpanel/agent.json",
        "/etc/nslcd.conf",
    ):
        if path == "/etc/controlpanel/agent.json":
            continue  # names and roles only; nothing secret
        assert mine.shell(f"cat {path} 2>/dev/null || true") == "", path
    assert "refused" in mine.shell(f"curl -s --unix-socket /run/sites/{other.id}.sock http://x/ || echo refused")


def test_a_page_that_uses_up_its_processes_does_not_stop_the_neighbour(pair: tuple[LiveSite, LiveSite]) -> None:
    mine, other = pair
    mine.put("web/bomb.php", "<?php for ($i = 0; $i < 600; $i++) { @exec('sleep 20 >/dev/null 2>&1 &'); } echo 'done';")
    mine.open("/bomb.php", timeout=120)
    assert int(on_host(mine.host, "pgrep", "-c", "-u", str(mine.uid)).strip()) <= 256
    assert other.shows(other.name)
    on_host(mine.host, "systemctl", "restart", f"site@{mine.id}.service")
