"""WordPress, as Debian packages it: one core for all sites of a host, kept secure by apt, and each site's own files.

The core (``/usr/share/wordpress``, 3,600 files) is on the host's own disk, read-only, and in no site's volume. That
makes a new site quick and its pages independent of the network storage's latency, and an upgrade of the package is the
upgrade of all sites. On the volume are only ``web/wp-content`` (themes, plugins, uploads, languages: its owner's) and
``include/wp-config.php`` (its database's password, its salts).

The package's own ``wp-config.php`` looks for ``/etc/wordpress/config-$WORDPRESS_CONFIG.php``: that is ``CONFIG`` here,
a few lines that are the same for every site and lead to the site's own file.
"""

from __future__ import annotations

from typing import Sequence

from . import paths

CORE = "/usr/share/wordpress"
CONFIG = "/etc/wordpress/config-controlpanel.php"
#: What the agent asks PHP to do in a site's box: install, or set a password.
TOOLS = "/usr/share/controlpanel"
TOOL = TOOLS + "/wordpress.php"

#: Where PHP may read beside the site's own directory. The package's files are partly links to other packages'.
READABLE = (
    CORE + "/",
    "/usr/share/javascript/",
    "/etc/wordpress/",
    TOOLS + "/",
    "/etc/ssl/certs/",
)

#: Random texts that WordPress signs cookies with.
SALTS = (
    "AUTH_KEY",
    "SECURE_AUTH_KEY",
    "LOGGED_IN_KEY",
    "NONCE_KEY",
    "AUTH_SALT",
    "SECURE_AUTH_SALT",
    "LOGGED_IN_SALT",
    "NONCE_SALT",
)
#: The site's own directories below ``web``.
DIRECTORIES = ("wp-content", "wp-content/themes", "wp-content/plugins", "wp-content/uploads", "wp-content/languages")
#: Plugins that ask for WordPress by a path of their own find it here.
STUBS = {"wp-load.php": f"<?php\nrequire '{CORE}/wp-load.php';\n"}

_OWN = """\
<?php
// The WordPress of this site. You may define more here, for example WP_DEBUG; updates of WordPress leave it alone.
define('DB_NAME', '{name}');
define('DB_USER', '{user}');
define('DB_PASSWORD', '{password}');
define('DB_HOST', '{host}');
{salts}$table_prefix = 'wp_';
"""

#: ``{fastcgi}`` is the call of PHP without the name of the script.
VHOST = """\
    index index.php index.html;
    # The site's files first (what its owner put there), the rest is WordPress' to answer.
    location / {{ try_files $uri $uri/index.html /index.php$is_args$args; }}
    location ~ \\.(phtml|phar|inc)$ {{ return 404; }}
    # Nobody uploads programs.
    location ~ ^/wp-content/(uploads|languages|upgrade)/.*\\.php(/|$) {{ return 404; }}
    location ~ ^/(index|wp-login|wp-comments-post|wp-activate|wp-signup|wp-trackback|wp-links-opml|xmlrpc)\\.php$ {{
        fastcgi_param SCRIPT_FILENAME {core}$fastcgi_script_name;
{fastcgi}    }}
    location ~ ^/(wp-config|wp-cron|wp-load|wp-settings|wp-mail|wp-blog-header)\\.php$ {{ return 404; }}
    # Its owner's own programs, and those of plugins that are asked for by name.
    location ~ [^/]\\.php(/|$) {{
        fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
        set $controlpanel_path_info $fastcgi_path_info;
        try_files $fastcgi_script_name =404;
        fastcgi_param PATH_INFO $controlpanel_path_info;
        fastcgi_param SCRIPT_FILENAME {root}/web$fastcgi_script_name;
{fastcgi}    }}
    location /wp-content/ {{ try_files $uri @wordpress; }}
    # The themes that come with the package.
    location @wordpress {{
        root {core};
        disable_symlinks off;
        try_files $uri =404;
    }}
    location ^~ /wp-includes/ {{
        root {core};
        disable_symlinks off;
        location ~ \\.php$ {{ return 404; }}
        try_files $uri =404;
    }}
    location = /wp-admin {{ return 301 /wp-admin/; }}
    location ^~ /wp-admin/ {{
        root {core};
        disable_symlinks off;
        try_files $uri $uri/ =404;
        location ~ \\.php$ {{
            try_files $uri =404;
            fastcgi_param SCRIPT_FILENAME {core}$fastcgi_script_name;
{fastcgi}        }}
    }}
"""

#: More of the pool's configuration.
POOL = """\
env[WORDPRESS_CONFIG] = controlpanel
env[SITE_URL] = https://{domain}
; Both are searched: the house's authority (databases), and everybody's.
php_admin_value[openssl.cafile] = /etc/controlpanel/ca.pem
php_admin_value[openssl.capath] = /etc/ssl/certs
"""

#: Same for every site of every host. What the site's owner defines in the own file, stands.
CONFIG_TEXT = """\
<?php
// Written by the control panel's agent. The settings of a site are in its own include/wp-config.php.
require getenv('HOME') . '/include/wp-config.php';

// A name that has no certificate yet is visited by http, and must not lead to https.
$controlpanel_url = isset($_SERVER['REQUEST_METHOD']) && empty($_SERVER['HTTPS'])
    ? preg_replace('/^https:/', 'http:', getenv('SITE_URL')) : getenv('SITE_URL');
foreach ([
    'WP_HOME' => $controlpanel_url,
    'WP_SITEURL' => $controlpanel_url,
    'WP_CONTENT_DIR' => getenv('HOME') . '/web/wp-content',
    'WP_TEMP_DIR' => getenv('HOME') . '/files/tmp',
    'FS_METHOD' => 'direct',
    // The agent calls wp-cron.php, so that no visitor waits for it.
    'DISABLE_WP_CRON' => true,
    // Updates of the core come with the operating system's.
    'WP_AUTO_UPDATE_CORE' => false,
    'DB_CHARSET' => 'utf8mb4',
    'DB_COLLATE' => '',
    // 1 << 30: the server must prove that it is the database host.
    'MYSQL_CLIENT_FLAGS' => MYSQLI_CLIENT_SSL | 1 << 30,
] as $controlpanel_name => $controlpanel_value) {
    defined($controlpanel_name) || define($controlpanel_name, $controlpanel_value);
}
unset($controlpanel_name, $controlpanel_value, $controlpanel_url);

// The same as add_filter() and add_action(), which are not there yet.
$wp_filter['plugins_loaded'][10]['controlpanel'] = ['accepted_args' => 0, 'function' => function () {
    register_theme_directory('/usr/share/wordpress/wp-content/themes');
}];
// No offer to install a core that nobody here can write.
$wp_filter['pre_site_transient_update_core'][10]['controlpanel'] = ['accepted_args' => 0, 'function' => function () {
    return (object) ['last_checked' => time(), 'version_checked' => wp_get_wp_version(), 'updates' => []];
}];
"""

#: Asked for by the agent over the site's own socket (``fastcgi.py``), with JSON on its standard input.
TOOL_TEXT = """\
<?php
// Written by the control panel's agent. No web server leads here.
$order = json_decode(file_get_contents('php://input'), true, 8, JSON_THROW_ON_ERROR);
header('Content-Type: application/json');
ini_set('display_errors', '0');
define('WP_INSTALLING', true);
require '/usr/share/wordpress/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
require_once ABSPATH . WPINC . '/class-wpdb.php';

function controlpanel_answer(array $answer): never {
    echo json_encode($answer);
    exit;
}

if ($order['do'] === 'install') {
    $before = is_blog_installed();
    if (!$before) {
        add_filter('pre_wp_mail', '__return_false');
        // No edge leads here yet, so its attempts to reach itself would only wait.
        add_filter('pre_http_request', fn() => new WP_Error('not_yet', 'not yet'));
        $language = $order['language'];
        if ($language !== '') {
            // A copy: WordPress brings translations up to date in the site's own directory.
            $own = WP_CONTENT_DIR . '/languages';
            foreach (glob(ABSPATH . 'wp-content/languages/{,admin-}' . $language . '.mo', GLOB_BRACE) as $file) {
                copy($file, $own . '/' . basename($file));
            }
            load_default_textdomain($language);
            $GLOBALS['wp_locale'] = new WP_Locale();
        }
        $result = wp_install(
            $order['title'], $order['username'], $order['email'], true, '', wp_generate_password(40), $language
        );
        $GLOBALS['wpdb']->update(
            $GLOBALS['wpdb']->users, ['user_pass' => $order['password_hash']], ['ID' => $result['user_id']]
        );
        update_option('permalink_structure', '/%year%/%monthnum%/%postname%/');
        update_option('timezone_string', ini_get('date.timezone'));
        delete_option('rewrite_rules');
    }
    controlpanel_answer(['installed' => true, 'before' => $before, 'version' => wp_get_wp_version()]);
}
if ($order['do'] === 'password') {
    $user = get_user_by('login', $order['username']);
    if (!$user) {
        controlpanel_answer(['error' => 'no_such_user']);
    }
    $GLOBALS['wpdb']->update($GLOBALS['wpdb']->users, ['user_pass' => $order['password_hash']], ['ID' => $user->ID]);
    clean_user_cache($user);
    WP_Session_Tokens::get_instance($user->ID)->destroy_all();
    controlpanel_answer(['changed' => true]);
}
controlpanel_answer(['error' => 'unknown']);
"""


def vhost(root: str, fastcgi: str) -> str:
    """The part of nginx's server block that is WordPress'."""
    return VHOST.format(core=CORE, root=root, fastcgi=fastcgi)


def pool(domain: str) -> str:
    """The part of the pool's configuration that is WordPress'; ``domain`` is the site's main name."""
    return POOL.format(domain=domain or "localhost")


def own_config(name: str, user: str, password: str, host: str, salts: "Sequence[str]") -> str:
    """The site's own file. All texts have been validated: no quote, no backslash is in them."""
    lines = "".join(f"define('{key}', '{salt}');\n" for key, salt in zip(SALTS, salts))  # noqa: B905 (Python 3.9)
    return _OWN.format(name=name, user=user, password=password, host=host, salts=lines)


def config_of(site: str) -> str:
    """Where the site's own file is."""
    return f"{paths.root(site)}/include/wp-config.php"
