"""Django settings. The environment is read through ``env`` and nowhere else.

docs/settings.md lists every variable with its meaning; ``.env.example`` is the template.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from corsheaders.defaults import default_headers

from assistant_site.databases import with_options
from assistant_site.env import BASE_DIR, DAY, env
from assistant_site.stand_ins import running_stand_ins, stand_in_variables
from assistant_site.theme import UNFOLD  # noqa: F401 - read by django-unfold

# Where it runs
DATA_DIR = env.folder("ASSISTANT_DATA_DIR", BASE_DIR / "var")
DEBUG = env.flag("DEBUG", default=False)
# For commands without a server; the server refuses to start with it.
NOBODYS_KEY = "insecure-key-for-commands-that-serve-nobody-0123456789"
# Commands sign with the secret that `make run` keeps: its server has to accept their tokens.
_KEPT_SECRET = DATA_DIR / "secret_key"
SECRET_KEY = env.text(
    "SECRET_KEY",
    _KEPT_SECRET.read_text() if os.access(_KEPT_SECRET, os.R_OK) else NOBODYS_KEY,
)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
PUBLIC_URL = env.http_url("PUBLIC_URL").rstrip("/")
HTTPS = env.flag("HTTPS", default=False)
# uvicorn reads it too, but trusts 127.0.0.1 by default: then any local program could claim any address
FORWARDED_ALLOW_IPS = env.words("FORWARDED_ALLOW_IPS", [])

INSTALLED_APPS = [
    "assistant_site.apps.SiteConfig",
    "conversations.apps.ConversationsConfig",
    "routing.apps.RoutingConfig",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "assistant_site.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_totp",
    "corsheaders",
    "rest_framework",
    "rest_framework_simplejwt",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "assistant_site.http.middleware.RequestMiddleware",
    "assistant_site.http.middleware.LanguageMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "assistant_site.http.middleware.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "assistant_site.http.middleware.PolicyMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "assistant_site.urls"
ASGI_APPLICATION = "assistant_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "assistant_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "assistant_site.views.languages.page_language",
                "assistant_site.views.sign_in.ways",
            ]
        },
    }
]

# Data
DATABASE_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", 20, least=1, most=1_000)
DATABASE_SECONDS = env.number("DATABASE_SECONDS", 10.0, least=0.1, most=3_600)
DATABASES: dict[str, dict[str, Any]] = {
    "default": with_options(
        env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'assistant.sqlite3'}"),
        pool_size=DATABASE_POOL_SIZE,
        seconds=DATABASE_SECONDS,
    )
}
# Commands find the embedded Redis of `make run` by the port that it left.
_REDIS_PORT = DATA_DIR / "redis" / "redis.port"
REDIS_URL = env.text(
    "REDIS_URL",
    f"redis://127.0.0.1:{_REDIS_PORT.read_text().strip() if _REDIS_PORT.is_file() else 6379}/0",
)
REDIS_PREFIX = env.text("REDIS_PREFIX", "assistant")
MEDIA_ROOT = env.text("MEDIA_ROOT", str(DATA_DIR / "media"))
MEDIA_URL = "media/"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
# Five million characters of YAML and the form around them; no handler writes to a disk
FILE_UPLOAD_MAX_MEMORY_SIZE = 6 * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
SERVESTATIC_USE_FINDERS = SERVESTATIC_AUTOREFRESH = not STATIC_ROOT.is_dir()

# Providers: an empty base URL is the provider's own. SIMULATED_PROVIDERS marks their models.
_RUNNING = running_stand_ins(env, DATA_DIR)
_STAND_INS = defaultdict(str, stand_in_variables(_RUNNING))
OPENAI_API_KEY = env.text("OPENAI_API_KEY", _STAND_INS["OPENAI_API_KEY"])
OPENAI_BASE_URL = (
    env.http_url("OPENAI_BASE_URL", user=True)
    or env.http_url("OPENAI_API_BASE", user=True)
    or _STAND_INS["OPENAI_BASE_URL"]
)
ANTHROPIC_API_KEY = env.text("ANTHROPIC_API_KEY", _STAND_INS["ANTHROPIC_API_KEY"])
ANTHROPIC_BASE_URL = (
    env.http_url("ANTHROPIC_BASE_URL", user=True)
    or env.http_url("ANTHROPIC_API_BASE", user=True)
    or _STAND_INS["ANTHROPIC_BASE_URL"]
)
# Keys that models name, by their variables (docs/rules.md).
MODEL_KEYS = env.values_of("_API_KEY")
SIMULATED_PROVIDERS = env.words("SIMULATED_PROVIDERS", [*_RUNNING])
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL", "local")
EMBEDDING_DIMENSIONS = env.integer("EMBEDDING_DIMENSIONS", 384, least=1, most=32_768)
EMBEDDING_SECONDS = env.number("EMBEDDING_SECONDS", 5.0, least=0.1, most=3_600)
# Failover and circuit breakers, see docs/reliability.md
FAST_LANE = env.flag("FAST_LANE", default=True)
SPECULATION = env.choice("SPECULATION", "auto", ["auto", "always", "never"])
READ_TICKS = env.choice("READ_TICKS", "auto", ["auto", "always", "never"])
FAILOVER_RETRIES = env.integer("FAILOVER_RETRIES", 1, most=20)
FAILOVER_PATIENCE_SECONDS = env.number("FAILOVER_PATIENCE_SECONDS", 2.0)
FAILOVER_RETRY_RATIO = env.number("FAILOVER_RETRY_RATIO", 0.2, most=100)
FAILOVER_HEDGE_SECONDS = env.number("FAILOVER_HEDGE_SECONDS", 6.0)
CLASSIFIER_HEDGE_SECONDS = env.number("CLASSIFIER_HEDGE_SECONDS", 1.5)
FAILOVER_CONTINUE = env.flag("FAILOVER_CONTINUE", default=False)
CIRCUIT_FAILURES = env.integer("CIRCUIT_FAILURES", 5, least=1, most=10_000)
CIRCUIT_OPEN_SECONDS = env.number("CIRCUIT_OPEN_SECONDS", 5.0, least=0.1)

# The assistant
PROMPT_MAX_CHARS = env.integer("PROMPT_MAX_CHARS", 32_000, least=1, most=10_000_000)
MEMORY_TOKENS = env.integer("MEMORY_TOKENS", 6_000, most=10_000_000)
MEMORY_TTL_SECONDS = env.integer("MEMORY_TTL_SECONDS", 7 * 24 * 3600, least=1, most=3650 * DAY)
DRAIN_SECONDS = env.number("DRAIN_SECONDS", 8.0, most=3_600)
# Verdicts of the classifier, by which known kinds of question are decided without it.
VERDICTS_KEPT = env.integer("VERDICTS_KEPT", 20_000, least=0, most=1_000_000)
VERDICT_TTL_SECONDS = env.integer("VERDICT_TTL_SECONDS", 30 * 24 * 3600, least=1, most=365 * DAY)
EVENT_LOG_TTL_SECONDS = env.integer("EVENT_LOG_TTL_SECONDS", 3600, least=1, most=30 * DAY)
SHOW_REASONING = env.flag("SHOW_REASONING", default=True)
OUTPUT_GUARD = env.choice("OUTPUT_GUARD", "remove", ["remove", "flag", "off"])
SYSTEM_PROMPT = env.text(
    "SYSTEM_PROMPT", "You are a helpful assistant. Answer in the language of the question."
)
STREAMS_PER_USER = env.integer("STREAMS_PER_USER", 50)
STREAMS_PER_WORKER = env.integer("STREAMS_PER_WORKER", 2000)
STALLED_CLIENT_SECONDS = env.number("STALLED_CLIENT_SECONDS", 60.0, least=0.1)
REQUEST_HEAD_SECONDS = env.number("REQUEST_HEAD_SECONDS", 10.0, least=0.1)
REQUEST_BODY_SECONDS = env.number("REQUEST_BODY_SECONDS", 30.0, least=0.1)
REQUEST_BODY_BYTES_PER_SECOND = env.integer(
    "REQUEST_BODY_BYTES_PER_SECOND", 1024, most=1_000_000_000
)
CONNECTIONS_PER_WORKER = env.integer("CONNECTIONS_PER_WORKER", 4000)
CONNECTIONS_PER_ADDRESS = env.integer("CONNECTIONS_PER_ADDRESS", 2000)
BUSY_QUEUE_SECONDS = env.number("BUSY_QUEUE_SECONDS", 0.0)
ASK_RATE = env.rate("ASK_RATE", "60/minute")
EXPORT_RATE = env.rate("EXPORT_RATE", "6/hour")
SHARED_RATE = env.rate("SHARED_RATE", "120/minute")
SIGN_IN_RATE = env.rate("SIGN_IN_RATE", "10/minute")
RESERVATION_SECONDS = env.number("RESERVATION_SECONDS", 60.0, least=1.0, most=3_600)
RESERVED_OUTPUT_TOKENS = env.integer("RESERVED_OUTPUT_TOKENS", 1_000, least=1, most=10_000_000)
LIMITS_TIME_ZONE = env.time_zone("LIMITS_TIME_ZONE", "UTC")
LIMIT_WEBHOOK_URL = env.http_url("LIMIT_WEBHOOK_URL")
LIMIT_WEBHOOK_SECRET = env.signing_secret("LIMIT_WEBHOOK_SECRET", required=bool(LIMIT_WEBHOOK_URL))
LIMIT_WEBHOOK_SECONDS = env.number("LIMIT_WEBHOOK_SECONDS", 10.0, least=0.1, most=120)
LANGFUSE_PUBLIC_KEY = env.text("LANGFUSE_PUBLIC_KEY")
LANGFUSE_SECRET_KEY = env.text("LANGFUSE_SECRET_KEY")
LANGFUSE_HOST = env.http_url("LANGFUSE_HOST") or env.http_url("LANGFUSE_BASE_URL")
LANGFUSE_ENVIRONMENT = env.text("LANGFUSE_TRACING_ENVIRONMENT")
LANGFUSE_RELEASE = env.text("LANGFUSE_RELEASE")
OTLP_ENDPOINT = env.http_url("OTEL_EXPORTER_OTLP_ENDPOINT", user=True)
OTLP_HEADERS = {
    name.strip(): unquote(value.strip())
    for name, _, value in (
        each.partition("=") for each in env.words("OTEL_EXPORTER_OTLP_HEADERS", [])
    )
}
OTLP_SERVICE = env.text("OTEL_SERVICE_NAME", "assistant-core")
OTLP_CAPTURE_CONTENT = env.flag("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", default=False)
LANGFUSE_CAPTURE_CONTENT = env.flag("LANGFUSE_CAPTURE_CONTENT", default=True)

# People: for the accounts that ``manage.py seed`` makes; empty gives a new account a random one
ADMIN_PASSWORD = env.text("ASSISTANT_ADMIN_PASSWORD")
DEMO_PASSWORD = env.text("ASSISTANT_DEMO_PASSWORD")
PASSWORD_SIGN_IN = env.flag("PASSWORD_SIGN_IN", default=True)
ADMIN_TWO_FACTOR = env.choice("ADMIN_TWO_FACTOR", "optional", ["off", "optional", "required"])
OTP_TOTP_ISSUER = "Assistant Core"
# Single sign-on by OpenID Connect: off without an issuer
OIDC_ISSUER = env.http_url("OIDC_ISSUER")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET")
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
OIDC_SCOPES = env.text("OIDC_SCOPES", "openid email profile")
OIDC_GROUPS_CLAIM = env.text("OIDC_GROUPS_CLAIM", "groups")
OIDC_GROUPS = [
    (value.strip(), target.strip())
    for each in env.words("OIDC_GROUPS", [])
    for value, _, target in [each.rpartition("=") if "=" in each else (each, "", each)]
]
OIDC_LINK_VERIFIED_EMAIL = env.flag("OIDC_LINK_VERIFIED_EMAIL", default=False)
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend"
    if PASSWORD_SIGN_IN
    else "assistant_site.passwords.NoPasswords",
    *(["assistant_site.oidc.backend.OIDCBackend"] if OIDC_ISSUER else []),
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = env.integer("SIGN_IN_FAILURES", 10, least=1)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "assistant_site.http.lockout.LockoutHandler"
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "admin:login", "admin:index", "admin:index"
SIGN_IN_NAME_FAILURES = env.integer("SIGN_IN_NAME_FAILURES", 50, least=1)
# uvicorn has checked X-Forwarded-For already (FORWARDED_ALLOW_IPS).
AXES_IPWARE_META_PRECEDENCE_ORDER = ["REMOTE_ADDR"]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(
        seconds=env.integer("ACCESS_TOKEN_SECONDS", 15 * 60, least=1, most=365 * DAY)
    ),
    "REFRESH_TOKEN_LIFETIME": timedelta(
        days=env.integer("REFRESH_TOKEN_DAYS", 14, least=1, most=3_650)
    ),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "CHECK_REVOKE_TOKEN": True,
    "SIGNING_KEY": env.text("JWT_SIGNING_KEY", SECRET_KEY),
}

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["conversations.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["conversations.api.parsers.StrictJSONParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "conversations.api.parsers.CarefulNegotiation",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "conversations.api.exception_handler.drf_exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Assistant Core",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": True,
    "DESCRIPTION": "Recall, route, answer, learn. `Authorize` takes the access token of `sign_in`, or an API key.",
    "SERVERS": [{"url": "/", "description": "This site."}],
    "TAGS": [
        {"name": name, "description": text}
        for name, text in (
            ("sign-in", "Tokens of a session."),
            ("account", "The account that asks."),
            ("conversations", "A person's own conversations."),
            ("messages", "Questions, answers and their streams."),
            ("feedback", "Ratings of answers."),
            ("pictures", "Pictures that were drawn."),
            ("keys", "API keys."),
            ("usage", "Tokens and money."),
            ("rules", "Prompts tried on the rules, for staff."),
            ("AI SDK", "The protocol of `useChat`."),
            ("openai", "OpenAI's API: chat completions, responses, images, embeddings."),
            ("operators", "State and metrics of the service."),
        )
    ],
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "displayRequestDuration": True},
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "conversations.api.openapi.let_patterns_say_blank",
        "conversations.api.openapi.add_async_paths",
        "conversations.api.openai.openapi.add_openai_paths",
    ],
}
CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_HEADERS = [
    *default_headers, "idempotency-key", "last-event-id", "traceparent", "x-request-id", "x-ai-sdk",
    # OpenAI's own client for browsers sends these.
    "x-stainless-arch", "x-stainless-lang", "x-stainless-os", "x-stainless-package-version",
    "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
    "x-stainless-timeout", "x-stainless-read-timeout", "x-stainless-async",
    "x-stainless-helper-method",
]  # fmt: skip
CORS_EXPOSE_HEADERS = [
    "Location", "X-Request-ID", "traceparent", "Idempotency-Replayed", "WWW-Authenticate",
    "Retry-After", "RateLimit", "RateLimit-Policy", "x-should-retry", "X-Assistant-Decision",
    "X-Assistant-Model", "X-Assistant-Cache", "X-Assistant-Cost", "X-Assistant-Ignored",
    "X-Assistant-Budget-Remaining", "X-Assistant-Degraded", "retry-after-ms",
    "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
    "X-Vercel-AI-UI-Message-Stream",
]  # fmt: skip

# Language and time
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = "assistant_site.formats"
# Of the playground and of the errors of /api/; the catalogs are in assistant_site/locale.
LANGUAGES = [
    ("en", "English"), ("de", "Deutsch"), ("es", "Español"), ("fr", "Français"), ("pt", "Português"),
]  # fmt: skip
LOCALE_PATHS = [BASE_DIR / "assistant_site" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Security
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
CSRF_FAILURE_VIEW = "assistant_site.http.error_views.csrf_failure"
# The admin and Swagger UI need more sources: assistant_site.http.middleware.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        **{part: ["'self'"] for part in ("default-src", "script-src", "style-src", "connect-src")},
        "img-src": ["'self'", "data:", "blob:"],
        **{part: ["'none'"] for part in ("object-src", "base-uri", "frame-ancestors")},
        "form-action": ["'self'"],
    }
}

# Logs
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
LOG_FORMAT = env.choice("LOG_FORMAT", "console", ["console", "json"])
LOGGING_CONFIG = "assistant_site.logging.configure"
LOGGING: dict[str, Any] = {"level": LOG_LEVEL, "format": LOG_FORMAT}
