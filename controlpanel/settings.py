"""Settings, all from the environment (or the env file of the lab); nothing secret stands here.

``CONTROLPANEL_ENV_FILE`` names a file of ``KEY=value`` lines; without it the file that ``manage.py lab up``
writes (``var/<LAB_NAME>/panel.env``) is read where it exists. Real environment variables win over the file.
"""

from pathlib import Path

import environ
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
LAB_NAME = env("LAB_NAME", default="lab")
ENV_FILE = Path(env("CONTROLPANEL_ENV_FILE", default=str(BASE_DIR / "var" / LAB_NAME / "panel.env")))
if ENV_FILE.exists():
    env.read_env(str(ENV_FILE))

# --- identity of this installation -------------------------------------------------------------------------------
# Empty on purpose when unset: Django refuses to use an empty key, and checks.py refuses a weak one.
SECRET_KEY = env("SECRET_KEY", default="")
# Fernet keys, newest first; the first encrypts, all decrypt. See controlpanel/encryption.py.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
PANEL_URL = env("PANEL_URL", default="http://127.0.0.1:8000/")

# --- applications ------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",  # must precede django.contrib.admin, whose templates it replaces
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "django_q",
    "django_htmx",
    "django_filters",
    "axes",
    "csp",
    "pgtrigger",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    # Second factors only; "account" is what they stand on. None of their pages are used (members/factors).
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "controlpanel",
    "controlpanel.audit",
    "controlpanel.operations",
    "controlpanel.fleet",
    "controlpanel.lab",
    "members",
    "storage",
    "routing",
    "hosting",
    "webhooks",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "controlpanel.logs.RequestLogMiddleware",
    "controlpanel.audit.middleware.AuditMiddleware",
    "controlpanel.views.DatabaseAwayMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "controlpanel.policy.AdminPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # mfa does not start without it
    "django.contrib.messages.middleware.MessageMiddleware",
    "members.middleware.ImpersonationMiddleware",
    "members.middleware.SecondFactorMiddleware",
    "members.middleware.SessionsMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "controlpanel.urls"
ASGI_APPLICATION = "controlpanel.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- data --------------------------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default="postgresql:///controlpanel")}
if env.bool("DATABASE_POOL", default=False):
    # Under ASGI each request may run in another thread, so persistent connections pile up; a pool does not.
    # The worker forks, which a pool does not survive, so it keeps one persistent connection a process instead.
    DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 2, "max_size": 16, "timeout": 10}}
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 600
# When PostgreSQL was restarted, connections of before are thrown away instead of failing a request each.
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Triggers follow from controlpanel.audit's trails, and are brought up to date by it after each `migrate`.
PGTRIGGER_MIGRATIONS = False
PGTRIGGER_INSTALL_ON_MIGRATE = False

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": env("REDIS_URL", default="redis://127.0.0.1:6379/0"),
                    # A connection that Redis' restart has ended is made anew, not told to the next who opens a page.
                    "retry": Retry(ExponentialBackoff(cap=1, base=0.05), 5),
                }
            ]
        },
    }
}

# The queue carries wake-ups only; controlpanel.operations is the truth, leases and sweep the recovery. So django-q2
# never retries by itself within an hour (its `timeout` loses records, django-q2 issue 339), and keeps no results.
Q_CLUSTER = {
    "name": "controlpanel",
    "orm": "default",
    "workers": env.int("WORKERS", default=4),
    "poll": 0.05,
    "bulk": 1,
    "queue_limit": env.int("WORKERS", default=4),
    "timeout": 3500,  # not control flow: every call to a host has its own limit
    "retry": 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "label": "Queue",
    "scheduler": False,
}

# --- people ------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "members.Login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # must be first: it refuses before any other backend is asked
    "members.backends.DirectoryBackend",
]
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

LDAP_URIS = env.list("LDAP_URIS", default=["ldaps://127.0.0.1"])
LDAP_BASE = env("LDAP_BASE", default="dc=panel,dc=internal")
LDAP_BIND_DN = env("LDAP_BIND_DN", default="cn=panel,dc=panel,dc=internal")
LDAP_BIND_PASSWORD = env("LDAP_BIND_PASSWORD", default="")
# What hosts read the directory with (NSS); it sees no password hash.
LDAP_READER_DN = env("LDAP_READER_DN", default="cn=reader,dc=panel,dc=internal")
LDAP_READER_PASSWORD = env("LDAP_READER_PASSWORD", default="")
LDAP_CA_FILE = env("LDAP_CA_FILE", default="/etc/ssl/certs/ca-certificates.crt")

# Asked when a password is set; the directory keeps it, so nothing here hashes one.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["username", "name", "email"]},
    },
]

AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "members.views.account.locked_out"
AXES_VERBOSE = False

# "required": staff set a second factor up before they see any page of theirs. "optional": they may.
STAFF_SECOND_FACTOR = env("STAFF_SECOND_FACTOR", default="required")
MFA_ADAPTER = "members.factors.adapter.Adapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # half minutes that a phone's clock may be wrong
MFA_RECOVERY_CODE_DIGITS = 10

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PANEL_URL.startswith("https:")
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"

# --- mail --------------------------------------------------------------------------------------------------------
# "smtp+tls://user:password@mail.example:587", or "filemail:////a/folder" (a file a message, for demonstrations).
EMAIL_CONFIG = env.email("EMAIL_URL", default="smtp://localhost:25")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="panel@localhost")

# --- members ------------------------------------------------------------------------------------------------------
# Days that a member is behind with its dues: from when it is at risk, when it is reminded, when it is switched off.
MEMBER_AT_RISK_DAYS = env.int("MEMBER_AT_RISK_DAYS", default=30)
MEMBER_REMINDER_DAYS = env.list("MEMBER_REMINDER_DAYS", cast=int, default=[45, 60, 75, 85])
MEMBER_DISABLE_DAYS = env.int("MEMBER_DISABLE_DAYS", default=90)
# Days that everything is open again when the member makes contact.
MEMBER_GRACE_DAYS = env.int("MEMBER_GRACE_DAYS", default=14)
# Days after it was switched off until its data goes (by deletion, which has its own grace), and how long before that
# it is told a last time.
MEMBER_INACTIVE_DAYS = env.int("MEMBER_INACTIVE_DAYS", default=90)
MEMBER_LAST_WARNING_DAYS = env.int("MEMBER_LAST_WARNING_DAYS", default=14)

# --- hosts -------------------------------------------------------------------------------------------------------
# The panel's own SSH key (Ed25519, OpenSSH format); hosts restrict it to the agent by a forced command.
PANEL_SSH_KEY_FILE = env("PANEL_SSH_KEY_FILE", default=str(BASE_DIR / "var" / LAB_NAME / "panel_key"))
# Names (and all below them) that no member may have, besides the panel's own: "coop.example,internal.example".
RESERVED_DOMAINS = env.list("RESERVED_DOMAINS", default=[])
# How often each host is compared with what the database says, seconds.
DRIFT_EVERY = env.int("DRIFT_EVERY", default=600)
# How long a deleted site's data is kept before it is purged, days.
SITE_GRACE_DAYS = env.int("SITE_GRACE_DAYS", default=30)
# The last dump of a deleted database, and the old copy of one that was moved.
DATABASE_GRACE_DAYS = env.int("DATABASE_GRACE_DAYS", default=30)
DATABASE_COPY_HOURS = env.int("DATABASE_COPY_HOURS", default=48)
# Seconds between two dumps of a database.
DATABASE_DUMP_EVERY = env.int("DATABASE_DUMP_EVERY", default=24 * 3600)
# How often each volume gets a regular snapshot, hours (0: never), and how many of them are kept.
SNAPSHOT_EVERY = env.int("SNAPSHOT_EVERY", default=24)
SNAPSHOT_KEEP = env.int("SNAPSHOT_KEEP", default=7)
# How long the private address of a quarantined site's clean room is good, hours.
ROOM_HOURS = env.int("ROOM_HOURS", default=12)

# --- certificates ------------------------------------------------------------------------------------------------
# The directory of an ACME authority, "https://acme-v02.api.letsencrypt.org/directory"; empty: the panel's own signs.
ACME_DIRECTORY = env("ACME_DIRECTORY", default="")
# Where the authority writes to: "staff@coop.example".
ACME_CONTACT = env("ACME_CONTACT", default="")
# Whom to trust for the directory's own TLS; empty: the usual authorities.
ACME_CA_FILE = env("ACME_CA_FILE", default="")
# New orders in any hour, at most. (Let's Encrypt allows an account 300 in three hours.)
ACME_ORDERS_PER_HOUR = env.int("ACME_ORDERS_PER_HOUR", default=90)
# Who is asked where a name leads: "192.0.2.53:53,198.51.100.53:53"; empty: whom this machine asks.
DNS_RESOLVERS = env.list("DNS_RESOLVERS", default=[])
# Where public names should lead, when that is not the edges' own addresses (they stand behind a translation).
EDGE_PUBLIC_ADDRESSES = env.list("EDGE_PUBLIC_ADDRESSES", default=[])

# --- webhooks ----------------------------------------------------------------------------------------------------
# Networks that messages may go to although they are not public ("10.0.0.0/24,…"), and whether without TLS: for the lab.
WEBHOOK_ALLOWED_NETWORKS = env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])
WEBHOOK_ALLOW_HTTP = env.bool("WEBHOOK_ALLOW_HTTP", default=False)

# --- languages, static -------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = BASE_DIR / "var" / "static"

# --- REST --------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "members.api.authentication.TokenAuthentication",
        "members.api.authentication.RecentSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.OrderingFilter",
    ],
    "DEFAULT_PAGINATION_CLASS": "controlpanel.api.Pagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "controlpanel.api.problem_response",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Control panel",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SORT_OPERATION_PARAMETERS": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "controlpanel.api.schema.describe_problems",
    ],
    # Several models have a `state`, a `kind` or a `role`: their enums get these names instead of made-up ones.
    "ENUM_NAME_OVERRIDES": {
        "AccessRole": "members.choices.Role",
        "AuditVerb": "controlpanel.audit.choices.Verb",
        "AuditVia": "controlpanel.audit.choices.Via",
        "CertificateSource": "routing.choices.CertificateSource",
        "CertificateState": "routing.choices.CertificateState",
        "DatabaseAccess": "hosting.choices.DatabaseAccess",
        "DatabaseEngine": "hosting.choices.DatabaseEngine",
        "DatabaseState": "hosting.choices.DatabaseState",
        "DomainKind": "hosting.choices.DomainKind",
        "FoundKind": "hosting.api.search.KINDS",
        "HostRole": "controlpanel.fleet.choices.Role",
        "HostState": "controlpanel.fleet.choices.HostState",
        "InvitationState": "members.choices.InvitationState",
        "MemberKind": "members.choices.MemberKind",
        "MemberState": "members.choices.MemberState",
        "OperationState": "controlpanel.operations.choices.OperationState",
        "RouteMode": "routing.choices.Mode",
        "SiteKind": "hosting.choices.SiteKind",
        "SiteState": "hosting.choices.SiteState",
        "DeliveryState": "webhooks.choices.DeliveryState",
        "TokenScope": "members.choices.TokenScope",
        "StepState": "controlpanel.operations.choices.StepState",
        "VolumeState": "storage.choices.VolumeState",
    },
}

# --- admin --------------------------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": _("Control panel: staff"),
    "SITE_HEADER": _("Control panel"),
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "controlpanel.admin.dashboard",
    "ENVIRONMENT": "hosting.admin.hosts.banner",
    "STYLES": [lambda request: static("css/plots.css"), lambda request: static("css/admin.css")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "controlpanel.navigation.navigation",
    },
}

# --- dead hosts --------------------------------------------------------------------------------------------------
#: Where Debian's fence-agents are. Only what is in there, is root's, and is called fence_… is ever run.
FENCE_AGENTS = env("FENCE_AGENTS", default="/usr/sbin")
#: Seconds that a host may be silent before staff are asked what to do about it. Nothing is ever done by itself.
ALARM_AFTER = env.int("ALARM_AFTER", default=30)

# --- browser policy ----------------------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    },
}

# --- metrics -----------------------------------------------------------------------------------------------------
# Who may read /metrics: whoever sends this token as bearer, and these networks ("10.0.0.5/32,…"). Behind a proxy every
# request comes from the proxy: use the token there.
METRICS_TOKEN = env("METRICS_TOKEN", default="")
METRICS_ALLOWED_NETWORKS = env.list("METRICS_ALLOWED_NETWORKS", default=[])

# --- logs --------------------------------------------------------------------------------------------------------
# Lines for machines; then every request is a line too.
LOG_JSON = env.bool("LOG_JSON", default=False)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "controlpanel.logs.formatter", "json": LOG_JSON}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Its message holds the whole request line, query string and all.
        "django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False},
    },
}
