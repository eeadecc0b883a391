"""PHP settings, logs and WordPress on real hosts."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.hosting.live import LiveSite
from tests.hosting.visitor import WordPress, found_at
from tests.panel import Panel, fresh_name, on_host, wait_until

pytestmark = pytest.mark.lab

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SETTINGS = """<?php
ini_set('display_errors', '0');
$names = ['memory_limit', 'upload_max_filesize', 'post_max_size', 'max_execution_time', 'max_input_vars',
          'session.gc_maxlifetime', 'error_reporting', 'date.timezone'];
echo json_encode(array_combine($names, array_map('ini_get', $names)));
"""


@pytest.fixture(scope="module")
def php(panel: Panel) -> LiveSite:
    return LiveSite.create(panel, kind="php")


def test_settings_are_what_a_page_sees(php: LiveSite) -> None:
    php.put("web/settings.php", SETTINGS)
    before = on_host(php.host, "systemctl", "show", "-P", "MainPID", "nginx.service")
    chosen = {
        "memory_limit_mb": 300,
        "upload_max_mb": 20,
        "max_execution_time": 90,
        "max_input_vars": 5000,
        "session_lifetime": 7200,
        "error_reporting": "errors",
        "timezone": "Europe/Madrid",
    }
    php.api.wait(php.api.patch(php.path, {"php_settings": chosen}))
    for answer in php.open("/settings.php"):
        assert json.loads(answer.text) == {
            "memory_limit": "300M",
            "upload_max_filesize": "20M",
            "post_max_size": "28M",
            "max_execution_time": "90",
            "max_input_vars": "5000",
            "session.gc_maxlifetime": "7200",
            "error_reporting": "4437",
            "date.timezone": "Europe/Madrid",
        }
    assert on_host(php.host, "systemctl", "show", "-P", "MainPID", "nginx.service") == before


# --- logs --------------------------------------------------------------------------------------------------------


def test_a_visit_is_in_the_log_and_the_log_can_be_followed(php: LiveSite) -> None:
    php.open("/first-visit")
    seen = wait_until(lambda: _log(php, "access", find="first-visit"), what="the visit is in the log")
    assert len(seen["lines"]) >= 1
    php.open("/second-visit")
    more = wait_until(lambda: _log(php, "access", find="visit", after=seen["cursor"]), what="and the next one")
    assert "/second-visit" in more["lines"][-1]
    assert not any("/first-visit" in line for line in more["lines"])


def _log(site: LiveSite, log: str, **asked: str) -> dict[str, object] | None:
    found = site.api.get(site.path + "logs/", log=log, **asked)
    return found if found["lines"] else None


def test_errors_of_php_are_shown_without_what_drives_terminals(php: LiveSite) -> None:
    php.put("web/bad.php", r"""<?php error_log("red \x1b[31m alert"); """)
    php.open("/bad.php")
    found = wait_until(lambda: _log(php, "php", find="red"), what="the error is in the log")
    assert "red \\x1b[31m alert" in found["lines"][-1]


def test_a_day_is_archived_on_the_volume_and_can_be_downloaded(php: LiveSite) -> None:
    php.open("/of-today")
    wait_until(lambda: _log(php, "access", find="of-today"))
    on_host(php.host, "systemctl", "start", "controlpanel-tend.service")
    days = {(day["log"], day["day"]) for day in php.api.get(php.path + "logs/days/")}
    day = next(day for log, day in sorted(days, reverse=True) if log == "access")
    assert php.stat("%u", f"logs/access-{day}.log.gz") == str(php.uid)
    text = php.api.request("GET", php.path + "logs/download/", 200, params={"log": "access", "day": day}).text
    today = datetime.now(UTC).date().isoformat()
    assert "/of-today" in text or day != today  # just after midnight it went to the day before


def test_a_log_that_is_a_link_is_not_read(php: LiveSite) -> None:
    php.shell("rm -f logs/php-error.log; ln -s /etc/passwd logs/php-error.log")
    try:
        answer = php.api.request("GET", php.path + "logs/", 409, params={"log": "php"})
        assert "root:" not in answer.text
    finally:
        php.shell("rm logs/php-error.log")


def test_logs_of_another_member_are_not_there(panel: Panel, php: LiveSite) -> None:
    stranger = panel.api(panel.members[1])
    for path in ("logs/", "logs/days/", "logs/download/?log=access&day=2026-01-01"):
        stranger.request("GET", php.path + path, 404)


# --- WordPress ---------------------------------------------------------------------------------------------------


class Blog(LiveSite):
    """A WordPress site with its administrator."""

    credentials: dict[str, str]


@pytest.fixture(scope="module")
def blog(panel: Panel) -> Iterator[Blog]:
    api, name = panel.member, fresh_name("blog")
    data = {"order": api.first_order(), "kind": "wordpress", "domains": [name], "language": "es_ES"}
    answer = api.post("sites/", {**data, "title": f"Ñandú at {name}"})
    site = Blog(panel, api, answer["id"], name)
    site.credentials = answer["application"]
    api.wait(answer, seconds=120)
    yield site
    api.wait(site.api.delete(site.path))


def test_wordpress_answers_through_every_edge(blog: Blog) -> None:
    assert blog.shows(f"Ñandú at {blog.name}")
    for edge in blog.panel.edges:
        with found_at(blog.name, edge) as session:
            page = WordPress(session, blog.name)
            front = page.get("/")
            assert front.status_code == 200
            assert 'lang="es-ES"' in front.text
            for path in ("/wp-includes/css/dist/block-library/style.min.css", "/wp-includes/js/jquery/jquery.min.js"):
                assert page.get(path).status_code == 200, path


def test_its_administrator_logs_in_with_the_password_that_was_shown(blog: Blog) -> None:
    for edge in blog.panel.edges:
        with found_at(blog.name, edge) as session:
            wordpress = WordPress(session, blog.name)
            assert "login_error" in wordpress.log_in(blog.credentials["username"], "not this one").text
            dashboard = wordpress.log_in(**blog.credentials)
            assert 'id="wpadminbar"' in dashboard.text
            assert "Escritorio" in dashboard.text


def test_uploads_and_pages_of_ones_own(blog: Blog) -> None:
    with found_at(blog.name, blog.panel.edges[0]) as session:
        wordpress = WordPress(session, blog.name)
        wordpress.log_in(**blog.credentials)
        wordpress.upload("pixel.png", PIXEL)
    found = blog.shell("cd web/wp-content/uploads && find . -name 'pixel*.png'").split()
    assert found
    for answer in blog.open(f"/wp-content/uploads/{found[0]}"):
        assert (answer.status_code, answer.content) == (200, PIXEL)
    blog.put("web/wp-content/uploads/evil.php", "<?php echo 'ran';")
    assert blog.statuses("/wp-content/uploads/evil.php") == {404}
    for path in ("/wp-config.php", "/wp-load.php", "/wp-includes/version.php"):
        assert blog.statuses(path) == {404}


def test_its_password_is_its_own_and_its_database_is_asked_over_tls(blog: Blog) -> None:
    assert blog.stat("%u %a", "include/wp-config.php") == f"{blog.uid} 640"
    config = blog.shell("cat include/wp-config.php")
    host = on_host(blog.host, "cat", f"/etc/php/sites/{blog.id}.conf")
    password = config.split("'DB_PASSWORD', '")[1].split("'")[0]
    assert password not in host
    assert ".database.internal" in config
    blog.put(
        "web/tls.php",
        "<?php require '/usr/share/wordpress/wp-load.php'; global $wpdb;"
        """echo $wpdb->get_row("SHOW STATUS LIKE 'Ssl_cipher'")->Value;""",
    )
    for answer in blog.open("/tls.php"):
        assert answer.text.startswith(("TLS_", "ECDHE"))


def test_scheduled_work_is_done_by_the_host(blog: Blog) -> None:
    blog.put(
        "web/wp-content/plugins/later.php",
        "<?php /* Plugin Name: Later */"
        "add_action('later', fn() => file_put_contents(WP_CONTENT_DIR . '/uploads/later.txt', 'done'));"
        "if (!wp_next_scheduled('later')) wp_schedule_single_event(time() - 1, 'later');",
    )
    blog.shell("mkdir -p web/wp-content/mu-plugins && mv web/wp-content/plugins/later.php web/wp-content/mu-plugins/")
    blog.open("/")
    on_host(blog.host, "systemctl", "start", "controlpanel-tend.service")
    wait_until(lambda: blog.shows("done", "/wp-content/uploads/later.txt"), what="the scheduled work is done")
    blog.shell("rm -r web/wp-content/mu-plugins")


def test_it_survives_being_disabled_and_enabled(blog: Blog) -> None:
    blog.api.wait(blog.api.post(f"{blog.path}disable/"))
    assert blog.statuses() == {503}
    blog.api.wait(blog.api.post(f"{blog.path}enable/"))
    assert blog.shows(f"Ñandú at {blog.name}")


def test_another_password_replaces_the_first(blog: Blog) -> None:
    answer = blog.api.post(f"{blog.path}application/password/")
    blog.api.wait(answer)
    with found_at(blog.name, blog.panel.edges[0]) as session:
        wordpress = WordPress(session, blog.name)
        assert "login_error" in wordpress.log_in(**blog.credentials).text
        assert 'id="wpadminbar"' in wordpress.log_in(**answer["application"]).text
