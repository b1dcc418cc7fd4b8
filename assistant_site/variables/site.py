"""Variables: where the site runs and where its data lies."""

from __future__ import annotations

from assistant_site.variables.variable import Section, Variable

# One line of facts and one of meaning each, as in a table.
# fmt: off
SECTIONS = (
    Section("Where it runs", (
        Variable("ASSISTANT_DATA_DIR", "folder", shown="`var/`",
            meaning="folder of everything that must survive: the SQLite file, the embedded Redis' data, pictures, the secret key, the embedding model's built graph"),
        Variable("SECRET_KEY", "text", shown="made once by `make run` and the image, kept in `secret_key` of the data folder",
            meaning="signs sessions and, without `JWT_SIGNING_KEY`, tokens. A server started past the launcher does not start without it"),
        Variable("JWT_SIGNING_KEY", "text", shown="`SECRET_KEY`",
            meaning="signs access and refresh tokens"),
        Variable("DEBUG", "flag", default=False,
            meaning="Django's debug pages"),
        Variable("ALLOWED_HOSTS", "words", default="localhost,127.0.0.1,[::1]",
            meaning="host names the site answers to, separated by commas"),
        Variable("PUBLIC_URL", "address", shown="scheme and host of the request",
            meaning="root URL that answers carry (`Location`, picture URLs), where a proxy hides the real one"),
        Variable("HTTPS", "flag", default=False,
            meaning="behind TLS: secure cookies, redirect to HTTPS, HSTS for a year, trust in `X-Forwarded-Proto`"),
        Variable("FORWARDED_ALLOW_IPS", "words",
            meaning="addresses or networks of the proxies whose `X-Forwarded-For` is believed, separated by commas (`*` accepts all). Behind a proxy that is not named here, all people share its address, and with it the limit on signing in"),
        Variable("CSRF_TRUSTED_ORIGINS", "origins",
            meaning="origins that may post forms to the admin, with scheme, separated by commas"),
        Variable("CORS_ALLOWED_ORIGINS", "origins",
            meaning="origins of pages that may call the API, with scheme, separated by commas"),
        Variable("LOG_LEVEL", "choice", default="INFO", options=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
            meaning="lines of this level and above are written"),
        Variable("LOG_FORMAT", "choice", default="console", options=("console", "json"), example="commented",
            meaning="`json` for one JSON object a line (the image's default)"),
    )),
    Section("Data", (
        Variable("DATABASE_URL", "database", shown="SQLite in the data folder",
            meaning="`postgres://user:password@host/name`; options after a `?` (`sslmode=require`) go to the driver"),
        Variable("DATABASE_POOL_SIZE", "integer", default=20, least=1, most=1000,
            meaning="connections to PostgreSQL, and threads that use it, per process; SQLite has four that read and one that writes"),
        Variable("DATABASE_SECONDS", "number", default=10.0, least=0.1, most=3600,
            meaning="how long one call of the database, or one lock, is waited for; then the request is a 503, `database_unavailable`"),
        Variable("REDIS_URL", "text", shown="the embedded one under `make run`, else `redis://127.0.0.1:6379/0`",
            meaning="a Redis with the query engine (Redis 8, Redis Stack). `rediss://` speaks TLS, `redis+sentinel://[user:password@]host:port,host:port/service/0` asks Sentinels for the master ([scaling.md](scaling.md#redis))"),
        Variable("REDIS_PREFIX", "text", default="assistant",
            meaning="first part of every key, so that several sites may share a Redis"),
        Variable("MEDIA_ROOT", "text", shown="`media` in the data folder",
            meaning="where drawn pictures lie"),
    )),
)
# fmt: on
