"""Django settings. The environment is read through ``variables``, which declare each one.

docs/settings.md and ``.env.example`` are made of the declarations: ``manage.py settings --write``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from corsheaders.defaults import default_headers

from assistant_site import variables
from assistant_site.databases import with_options
from assistant_site.env import BASE_DIR, env
from assistant_site.stand_ins import running_stand_ins, stand_in_variables
from assistant_site.theme import UNFOLD  # noqa: F401 - read by django-unfold

# NumPy reads it once, at its import. Threads of OpenBLAS wait for each other in busy loops: beside other processes
# a product of small matrices took twenty times the CPU that one thread takes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Where it runs
DATA_DIR = variables.folder("ASSISTANT_DATA_DIR", BASE_DIR / "var")
DEBUG = variables.flag("DEBUG")
# For commands without a server; the server refuses to start with it.
NOBODYS_KEY = "insecure-key-for-commands-that-serve-nobody-0123456789"
# Commands sign with the secret that `make run` keeps: its server has to accept their tokens.
_KEPT_SECRET = DATA_DIR / "secret_key"
SECRET_KEY = variables.text(
    "SECRET_KEY", _KEPT_SECRET.read_text() if os.access(_KEPT_SECRET, os.R_OK) else NOBODYS_KEY
)
ALLOWED_HOSTS = variables.words("ALLOWED_HOSTS")
PUBLIC_URL = variables.address("PUBLIC_URL").rstrip("/")
HTTPS = variables.flag("HTTPS")
# uvicorn reads it too, but trusts 127.0.0.1 by default: then any local program could claim any address
FORWARDED_ALLOW_IPS = variables.words("FORWARDED_ALLOW_IPS")

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
DATABASE_POOL_SIZE = variables.integer("DATABASE_POOL_SIZE")
DATABASE_SECONDS = variables.number("DATABASE_SECONDS")
DATABASES: dict[str, dict[str, Any]] = {
    "default": with_options(
        variables.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'assistant.sqlite3'}"),
        pool_size=DATABASE_POOL_SIZE,
        seconds=DATABASE_SECONDS,
    )
}
# Commands find the embedded Redis of `make run` by the port that it left.
_REDIS_PORT = DATA_DIR / "redis" / "redis.port"
REDIS_URL = variables.text(
    "REDIS_URL",
    f"redis://127.0.0.1:{_REDIS_PORT.read_text().strip() if _REDIS_PORT.is_file() else 6379}/0",
)
REDIS_PREFIX = variables.text("REDIS_PREFIX")
MEDIA_ROOT = variables.text("MEDIA_ROOT", str(DATA_DIR / "media"))
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
OPENAI_API_KEY = variables.text("OPENAI_API_KEY", _STAND_INS["OPENAI_API_KEY"])
OPENAI_BASE_URL = variables.address("OPENAI_BASE_URL") or _STAND_INS["OPENAI_BASE_URL"]
ANTHROPIC_API_KEY = variables.text("ANTHROPIC_API_KEY", _STAND_INS["ANTHROPIC_API_KEY"])
ANTHROPIC_BASE_URL = variables.address("ANTHROPIC_BASE_URL") or _STAND_INS["ANTHROPIC_BASE_URL"]
# Keys that models name, by their variables (docs/rules.md).
MODEL_KEYS = env.values_of("_API_KEY")
SIMULATED_PROVIDERS = variables.words("SIMULATED_PROVIDERS", [*_RUNNING])
EMBEDDING_MODEL = variables.text("EMBEDDING_MODEL")
EMBEDDING_DIMENSIONS = variables.integer("EMBEDDING_DIMENSIONS")
EMBEDDING_SECONDS = variables.number("EMBEDDING_SECONDS")
# Failover and circuit breakers, see docs/reliability.md
FAST_LANE = variables.flag("FAST_LANE")
SPECULATION = variables.choice("SPECULATION")
READ_TICKS = variables.choice("READ_TICKS")
FAILOVER_RETRIES = variables.integer("FAILOVER_RETRIES")
FAILOVER_PATIENCE_SECONDS = variables.number("FAILOVER_PATIENCE_SECONDS")
FAILOVER_RETRY_RATIO = variables.number("FAILOVER_RETRY_RATIO")
FAILOVER_HEDGE_SECONDS = variables.number("FAILOVER_HEDGE_SECONDS")
CLASSIFIER_HEDGE_SECONDS = variables.number("CLASSIFIER_HEDGE_SECONDS")
RULE_RETRIEVAL = variables.integer("RULE_RETRIEVAL")
FAILOVER_CONTINUE = variables.flag("FAILOVER_CONTINUE")
CIRCUIT_FAILURES = variables.integer("CIRCUIT_FAILURES")
CIRCUIT_OPEN_SECONDS = variables.number("CIRCUIT_OPEN_SECONDS")

# The assistant
PROMPT_MAX_CHARS = variables.integer("PROMPT_MAX_CHARS")
MEMORY_TOKENS = variables.integer("MEMORY_TOKENS")
MEMORY_TTL_SECONDS = variables.integer("MEMORY_TTL_SECONDS")
DRAIN_SECONDS = variables.number("DRAIN_SECONDS")
# Verdicts of the classifier, by which known kinds of question are decided without it.
VERDICTS_KEPT = variables.integer("VERDICTS_KEPT")
VERDICT_TTL_SECONDS = variables.integer("VERDICT_TTL_SECONDS")
EVENT_LOG_TTL_SECONDS = variables.integer("EVENT_LOG_TTL_SECONDS")
SHOW_REASONING = variables.flag("SHOW_REASONING")
OUTPUT_GUARD = variables.choice("OUTPUT_GUARD")
MODERATION_MODEL = variables.text("MODERATION_MODEL")
MODERATION_REFUSES = variables.words("MODERATION_REFUSES")
MODERATION_THRESHOLDS = variables.scores("MODERATION_THRESHOLDS")
MODERATION_SECONDS = variables.number("MODERATION_SECONDS")
MODERATION_REQUIRED = variables.flag("MODERATION_REQUIRED")
MODERATION_ANSWERS = variables.choice("MODERATION_ANSWERS")
SYSTEM_PROMPT = variables.text("SYSTEM_PROMPT")
STREAMS_PER_USER = variables.integer("STREAMS_PER_USER")
STREAMS_PER_WORKER = variables.integer("STREAMS_PER_WORKER")
STALLED_CLIENT_SECONDS = variables.number("STALLED_CLIENT_SECONDS")
REQUEST_HEAD_SECONDS = variables.number("REQUEST_HEAD_SECONDS")
REQUEST_BODY_SECONDS = variables.number("REQUEST_BODY_SECONDS")
REQUEST_BODY_BYTES_PER_SECOND = variables.integer("REQUEST_BODY_BYTES_PER_SECOND")
CONNECTIONS_PER_WORKER = variables.integer("CONNECTIONS_PER_WORKER")
CONNECTIONS_PER_ADDRESS = variables.integer("CONNECTIONS_PER_ADDRESS")
BUSY_QUEUE_SECONDS = variables.number("BUSY_QUEUE_SECONDS")
ASK_RATE = variables.rate("ASK_RATE")
EXPORT_RATE = variables.rate("EXPORT_RATE")
SHARED_RATE = variables.rate("SHARED_RATE")
SIGN_IN_RATE = variables.rate("SIGN_IN_RATE")
RESERVATION_SECONDS = variables.number("RESERVATION_SECONDS")
RESERVED_OUTPUT_TOKENS = variables.integer("RESERVED_OUTPUT_TOKENS")
LIMITS_TIME_ZONE = variables.time_zone("LIMITS_TIME_ZONE")
LIMIT_WEBHOOK_URL = variables.address("LIMIT_WEBHOOK_URL")
LIMIT_WEBHOOK_SECRET = variables.signing_secret(
    "LIMIT_WEBHOOK_SECRET", required=bool(LIMIT_WEBHOOK_URL)
)
LIMIT_WEBHOOK_SECONDS = variables.number("LIMIT_WEBHOOK_SECONDS")
LANGFUSE_PUBLIC_KEY = variables.text("LANGFUSE_PUBLIC_KEY")
LANGFUSE_SECRET_KEY = variables.text("LANGFUSE_SECRET_KEY")
LANGFUSE_HOST = variables.address("LANGFUSE_HOST")
LANGFUSE_ENVIRONMENT = variables.text("LANGFUSE_TRACING_ENVIRONMENT")
LANGFUSE_RELEASE = variables.text("LANGFUSE_RELEASE")
OTLP_ENDPOINT = variables.address("OTEL_EXPORTER_OTLP_ENDPOINT")
OTLP_HEADERS = {
    name.strip(): unquote(value.strip())
    for name, _, value in (
        each.partition("=") for each in variables.words("OTEL_EXPORTER_OTLP_HEADERS")
    )
}
OTLP_SERVICE = variables.text("OTEL_SERVICE_NAME")
OTLP_CAPTURE_CONTENT = variables.flag("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")
LANGFUSE_CAPTURE_CONTENT = variables.flag("LANGFUSE_CAPTURE_CONTENT")

# People: for the accounts that ``manage.py seed`` makes; empty gives a new account a random one
ADMIN_PASSWORD = variables.text("ASSISTANT_ADMIN_PASSWORD")
DEMO_PASSWORD = variables.text("ASSISTANT_DEMO_PASSWORD")
PASSWORD_SIGN_IN = variables.flag("PASSWORD_SIGN_IN")
ADMIN_TWO_FACTOR = variables.choice("ADMIN_TWO_FACTOR")
OTP_TOTP_ISSUER = "Assistant Core"
# Single sign-on by OpenID Connect: off without an issuer
OIDC_ISSUER = variables.address("OIDC_ISSUER")
OIDC_CLIENT_ID = variables.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = variables.text("OIDC_CLIENT_SECRET")
OIDC_NAME = variables.text("OIDC_NAME")
OIDC_SCOPES = variables.text("OIDC_SCOPES")
OIDC_GROUPS_CLAIM = variables.text("OIDC_GROUPS_CLAIM")
OIDC_GROUPS = [
    (value.strip(), target.strip())
    for each in variables.words("OIDC_GROUPS")
    for value, _, target in [each.rpartition("=") if "=" in each else (each, "", each)]
]
OIDC_LINK_VERIFIED_EMAIL = variables.flag("OIDC_LINK_VERIFIED_EMAIL")
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
AXES_FAILURE_LIMIT = variables.integer("SIGN_IN_FAILURES")
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HANDLER = "assistant_site.http.lockout.LockoutHandler"
LOGIN_URL, LOGIN_REDIRECT_URL, LOGOUT_REDIRECT_URL = "admin:login", "admin:index", "admin:index"
SIGN_IN_NAME_FAILURES = variables.integer("SIGN_IN_NAME_FAILURES")
# uvicorn has checked X-Forwarded-For already (FORWARDED_ALLOW_IPS).
AXES_IPWARE_META_PRECEDENCE_ORDER = ["REMOTE_ADDR"]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=variables.integer("ACCESS_TOKEN_SECONDS")),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=variables.integer("REFRESH_TOKEN_DAYS")),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": False,
    "CHECK_REVOKE_TOKEN": True,
    "SIGNING_KEY": variables.text("JWT_SIGNING_KEY", SECRET_KEY),
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
CORS_ALLOWED_ORIGINS = variables.origins("CORS_ALLOWED_ORIGINS")
CORS_ALLOW_HEADERS = [
    *default_headers, "idempotency-key", "last-event-id", "traceparent", "x-request-id", "x-ai-sdk",
    # OpenAI's own client for browsers sends these.
    "x-stainless-arch", "x-stainless-lang", "x-stainless-os", "x-stainless-package-version",
    "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
    "x-stainless-timeout", "x-stainless-read-timeout", "x-stainless-async",
    "x-stainless-helper-method", "x-stainless-poll-helper", "x-stainless-custom-poll-interval",
    "openai-organization", "openai-project",
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
CSRF_TRUSTED_ORIGINS = variables.origins("CSRF_TRUSTED_ORIGINS")
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
LOG_LEVEL = variables.choice("LOG_LEVEL")
LOG_FORMAT = variables.choice("LOG_FORMAT")
LOGGING_CONFIG = "assistant_site.logging.configure"
LOGGING: dict[str, Any] = {"level": LOG_LEVEL, "format": LOG_FORMAT}
