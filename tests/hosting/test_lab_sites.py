"""The life of a site, by REST alone, on real hosts."""

import re

import pytest
import requests

from tests.hosting.live import LiveSite, in_panel
from tests.panel import Panel, fresh_name, on_host, wait_until

pytestmark = pytest.mark.lab


def test_a_new_site_shows_its_first_page_through_every_edge(panel: Panel) -> None:
    for kind in ("static", "php"):
        site = LiveSite.create(panel, kind=kind)
        read = site.read()
        assert (read["state"], read["kind"], read["domains"]) == ("active", kind, [site.name])
        assert site.shows(site.name)
        assert site.shows("Este sitio está listo")
        for answer in site.open():
            assert "<?" not in answer.text


def test_an_international_name_is_kept_as_punycode(panel: Panel) -> None:
    label = fresh_name("ñandú").removesuffix(".test")
    site = LiveSite.create(panel, f"{label}.test", kind="static")
    stored = site.read()["domains"][0]
    assert re.fullmatch(r"xn--[a-z0-9-]+\.test", stored)
    site.name = stored
    assert site.shows(f"{label}.test ({stored})")


def test_its_directories_belong_to_its_user_and_nobody_else_may_enter(panel: Panel) -> None:
    site = LiveSite.create(panel)
    assert site.stat("%u:%G %a") == f"{site.uid}:www-data 750"
    listing = {name: site.stat("%u:%g %a", name) for name in ("web", "include", "files", "logs", "bin")}
    own = f"{site.uid}:{site.uid}"
    assert listing == {"web": f"{own} 755", **dict.fromkeys(("include", "files", "logs", "bin"), f"{own} 750")}
    passwd = on_host(site.host, "getent", "passwd", f"site{site.id}").split(":")
    assert (passwd[0], int(passwd[2])) == (f"site{site.id}", site.uid)
    assert site.stat("%U") == f"site{site.id}"
    assert "fuse.ceph" in on_host(site.host, "findmnt", "-no", "FSTYPE", site.root)


def test_php_runs_as_the_sites_user_and_in_its_own_slice(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.put("web/who.php", "<?= posix_geteuid(), ':', posix_getegid(), ' ', php_sapi_name();")
    assert site.shows(f"{site.uid}:{site.uid} fpm-fcgi", "/who.php")
    group = on_host(site.host, "systemctl", "show", "-P", "ControlGroup", f"site@{site.id}.service").strip()
    assert group == f"/site.slice/site-{site.id}.slice/site@{site.id}.service"


#: What a program of a site finds out about the host, in lines "question: answer".
LOOK_AROUND = r"""<?php
$questions = [
    "sites" => "ls -A /srv/sites",
    "root" => "ls -A /",
    "hidden" => "cd /etc; ls -A ceph ssh nginx sudoers.d controlpanel /usr/local/lib/controlpanel "
        . "/sys/fs/cgroup /dev/mqueue 2>/dev/null; cat nslcd.conf 2>/dev/null",
    "run" => "ls -A /run",
    "var" => "find /var -type f 2>/dev/null",
    "written" => "for d in / /usr /etc /run /var /srv /srv/sites /sys; do touch \$d/x && echo \$d; done 2>/dev/null",
    "others" => "ls -d /proc/[0-9]* | wc -l",
    "authority" => "grep -c BEGIN /etc/controlpanel/ca.pem",
];
foreach ($questions as $name => $command) echo "$name: ", strtr(trim(shell_exec($command) ?? ""), "\n", " "), "\n";
"""


def test_php_sees_nothing_of_the_host_and_of_other_sites(panel: Panel) -> None:
    site, other = LiveSite.create(panel), LiveSite.create(panel)
    site.put("web/look.php", LOOK_AROUND)
    found = dict(line.split(": ", 1) for line in site.open("/look.php")[0].text.splitlines())
    assert found.pop("sites") == str(site.id) != str(other.id)
    assert set(found.pop("root").split()) == {
        "bin", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var",
    }  # fmt: skip
    assert set(found.pop("run").split()) <= {"host", "systemd"}
    assert found.pop("hidden") == "controlpanel: ca.pem"
    assert int(found.pop("others")) < 12, "processes of other users"
    assert int(found.pop("authority")) >= 1
    assert found == {"var": "", "written": ""}


def test_names_are_added_redirected_and_taken_away(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    alias, old = fresh_name("alias"), fresh_name("old")
    site.edit(domains=[site.name, alias], redirects=[old])
    assert site.shows(site.name, name=alias)
    for answer in site.open("/page?x=1", name=old):
        assert (answer.status_code, answer.headers["Location"]) == (301, f"http://{site.name}/page?x=1")
    site.edit(domains=[alias, site.name], redirects=[])
    assert site.read()["domains"] == [alias, site.name]
    assert 200 not in site.statuses(name=old)
    site.edit(domains=[alias])
    assert 200 not in site.statuses()


def test_a_name_that_is_given_up_can_be_taken_by_another_member(panel: Panel) -> None:
    first = LiveSite.create(panel, kind="static")
    name = fresh_name("wandering")
    first.edit(domains=[first.name, name])
    other = panel.api(panel.members[1])
    data = {"order": other.first_order(), "kind": "static", "domains": [name]}
    refused = other.request("POST", "sites/", 409, json=data).json()
    assert first.name not in str(refused)
    assert panel.members[0]["member"] not in str(refused)
    first.edit(domains=[first.name])
    second = LiveSite.create(panel, name, kind="static", api=other)
    assert second.shows(name)
    assert second.open("/.well-known/controlpanel")[0].text == f"site {second.id}\n"


def test_a_site_can_become_php_and_static_again(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    site.put("web/sum.php", "<?= 6 * 7;")
    assert site.statuses("/sum.php") == {404}  # never its source
    site.edit(kind="php")
    assert site.shows("42", "/sum.php")
    site.edit(kind="static")
    assert site.statuses("/sum.php") == {404}
    assert site.shows(site.name)


def test_more_php_workers_answer_at_once(panel: Panel) -> None:
    site = LiveSite.create(panel, php_workers=1)
    site.edit(php_workers=3)
    conf = on_host(site.host, "cat", f"/etc/php/sites/{site.id}.conf")
    assert "pm.max_children = 3\n" in conf


def test_what_a_member_put_there_is_never_overwritten(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.put("web/index.php", "mine <?= 1 + 1;")
    site.edit(php_workers=2)
    site.edit(domains=[site.name, fresh_name()])
    site.do("disable")
    site.do("enable")
    assert site.shows("mine 2")


def test_a_disabled_site_says_so_and_comes_back(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.do("disable")
    assert site.read()["state"] == "disabled"
    assert site.statuses() == {503}
    assert on_host(site.host, "systemctl", "is-active", f"site@{site.id}.service", check=False).strip() != "active"
    assert not on_host(site.host, "sh", "-c", f"pgrep -u {site.uid} || true")
    site.do("enable")
    assert site.read()["state"] == "active"
    assert site.shows(site.name)


def test_a_deleted_site_is_gone_and_comes_back_with_its_data(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.put("web/index.php", "kept <?= 1 + 1;")
    host = site.host
    site.delete()
    read = site.read()
    assert (read["state"], read["domains"], read["host"]) == ("deleted", [], None)
    assert read["purge_after"]
    assert 200 not in site.statuses()
    assert not on_host(host, "sh", "-c", f"findmnt -n {site.root} || true")
    assert not on_host(host, "sh", "-c", f"ls /etc/nginx/controlpanel/sites/{site.id}.conf 2>/dev/null || true")
    site.do("restore")
    assert site.read()["domains"] == [site.name]
    assert site.shows("kept 2")


def test_a_deleted_sites_name_is_free_and_the_restored_one_gets_another(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    site.delete()
    LiveSite.create(panel, site.name, kind="static")
    assert site.api.request("POST", f"{site.path}restore/", 409, json={}).json()["errors"]["domains"]
    other = fresh_name("back")
    site.do("restore", {"domains": [other], "redirects": []})
    assert site.shows(site.name, name=other)  # its own first page, which names the first name it had


def test_a_purged_site_leaves_nothing(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    site.delete()
    in_panel(
        "from datetime import timedelta; from django.utils import timezone\n"
        "from hosting.models import Site; from storage import services as storage; from hosting import services\n"
        f"site = Site.objects.get(pk={site.id}); past = timezone.now() - timedelta(days=1)\n"
        "type(site.volume).objects.filter(pk=site.volume_id).update(purge_after=past)\n"
        "Site.objects.filter(pk=site.pk).update(purge_after=past)\n"
        "storage.purge_due()"
    )

    def forgotten() -> bool:
        in_panel("from hosting import services; services.purge_due()")
        return site.api.request("GET", site.path).status_code == 404

    wait_until(forgotten, 60, every=2)
    host = next(name for name in panel.hosts if name.startswith("web"))
    assert not on_host(host, "sh", "-c", f"getent passwd site{site.id} || true")


def test_a_repeated_request_is_one_site(panel: Panel) -> None:
    api, name = panel.member, fresh_name()
    data = {"order": api.first_order(), "kind": "static", "domains": [name]}
    answers = [api.post("sites/", data, headers={"Idempotency-Key": name}) for _time in range(3)]
    assert len({answer["operation"]["id"] for answer in answers}) == 1
    assert len({answer["site"]["id"] for answer in answers}) == 1
    api.wait(answers[0])
    assert api.get("sites/", domain=name)["count"] == 1


def test_a_stale_form_is_refused(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    revision = site.read()["revision"]
    site.edit(php_workers=2, revision=revision)
    answer = site.api.request("PATCH", site.path, 409, json={"php_workers": 3, "revision": revision}).json()
    assert answer["title"]


def test_another_members_site_does_not_exist(panel: Panel) -> None:
    site = LiveSite.create(panel, kind="static")
    stranger = panel.api(panel.members[1])
    stranger.request("GET", site.path, 404)
    stranger.request("PATCH", site.path, 404, json={"php_workers": 3})
    stranger.request("DELETE", site.path, 404)
    stranger.request("POST", f"{site.path}disable/", 404)
    data = {"order": site.read()["order"], "kind": "static", "domains": [fresh_name()]}
    stranger.request("POST", "sites/", 404, json=data)


def test_a_visitors_address_and_scheme_cannot_be_forged(panel: Panel) -> None:
    site = LiveSite.create(panel)
    names = ("REMOTE_ADDR", "HTTP_X_FORWARDED_FOR", "HTTPS", "HTTP_X_FORWARDED_PROTO", "SERVER_NAME")
    keys = ", ".join(f"'{name}' => $_SERVER['{name}'] ?? ''" for name in names)
    site.put("web/me.php", f"<?php echo json_encode([{keys}]);")
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Real-IP": "6.6.6.6"}
    for edge in panel.edges:
        mine = edge.rsplit(".", 1)[0] + ".1"  # the lab's bridge, where this test stands
        seen = panel.fetch(edge, site.name, "/me.php", headers=forged).json()
        assert seen == {
            "REMOTE_ADDR": mine,
            "HTTP_X_FORWARDED_FOR": mine,
            "HTTPS": "",
            "HTTP_X_FORWARDED_PROTO": "http",
            "SERVER_NAME": site.name,
        }
    # Past the edges nobody gets in, whatever he claims.
    direct = requests.get(f"http://{panel.hosts[site.host]}/", headers={"Host": site.name, **forged}, timeout=10)
    assert direct.status_code == 403


def test_hidden_files_are_not_served(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.put("web/.env", "PASSWORD=secret")
    site.put("web/include.inc", "<?php $password = 'secret';")
    for path in ("/.env", "/include.inc", "/.git/config"):
        for answer in site.open(path):
            assert "secret" not in answer.text


def test_a_front_controller_gets_what_is_no_file(panel: Panel) -> None:
    site = LiveSite.create(panel)
    site.put("web/index.php", "<?= $_SERVER['REQUEST_URI'], '|', $_GET['q'] ?? '', '|', $_SERVER['PATH_INFO'];")
    assert site.shows("/some/page?q=1|1|", "/some/page?q=1")
    assert site.shows("|/a/b", "/index.php/a/b")
    site.put("web/plain.txt", "plain")
    assert site.shows("plain", "/plain.txt")


def test_a_host_takes_more_sites_than_its_web_server_was_started_for(panel: Panel) -> None:
    """Debian's package starts nginx with 1024 files, of which each site takes two, and four while it reloads."""
    site = LiveSite.create(panel, kind="static")
    master = on_host(site.host, "cat", "/run/nginx.pid").strip()
    few = int(on_host(site.host, "sh", "-c", f"ls /proc/{master}/fd | wc -l"))
    on_host(site.host, "prlimit", f"--pid={master}", f"--nofile={few}:")
    try:
        others = [LiveSite.create(panel, kind="static") for _ in panel.hosts if _.startswith("web")]
        assert all(other.shows(other.name) for other in others)
    finally:
        on_host(site.host, "prlimit", f"--pid={master}", "--nofile=20000:")
