"""Variables: signing in, rates and limits of people."""

from __future__ import annotations

from assistant_site.variables.variable import Section, Variable

# One line of facts and one of meaning each, as in a table.
# fmt: off
SECTIONS = (
    Section("Signing in", (
        Variable("ASSISTANT_ADMIN_PASSWORD", "text", shown="random, printed once",
            meaning="password of `admin`; an existing user's is changed to it"),
        Variable("ASSISTANT_DEMO_PASSWORD", "text", shown="random, printed once",
            meaning="the same for `demo`"),
        Variable("ACCESS_TOKEN_SECONDS", "integer", default=900, least=1, most=31_536_000,
            meaning="life of an access token: how long it outlives a change of the password"),
        Variable("REFRESH_TOKEN_DAYS", "integer", default=14, least=1, most=3650,
            meaning="life of a refresh token; each use makes a new one"),
        Variable("PASSWORD_SIGN_IN", "flag", default=True,
            meaning="`false`: nobody signs in by a password, neither at the API nor in the admin nor in the playground ([security](security.md#single-sign-on))"),
        Variable("ADMIN_TWO_FACTOR", "choice", default="optional", options=("off", "optional", "required"),
            meaning="a second factor for the admin: `off`, `optional` (asked of people who have set one up) or `required` of all staff ([security](security.md#two-factor-authentication))"),
        Variable("OIDC_ISSUER", "address",
            meaning="single sign-on: the issuer of an OpenID Connect provider, exactly as its discovery document names itself. Empty: off, and nothing of it is imported"),
        Variable("OIDC_CLIENT_ID", "text",
            meaning="this site's account at the provider"),
        Variable("OIDC_CLIENT_SECRET", "text",
            meaning="its secret; without one it is a public client"),
        Variable("OIDC_NAME", "text", default="single sign-on",
            meaning="how the button calls it: *Sign in with …*"),
        Variable("OIDC_SCOPES", "text", default="openid email profile",
            meaning="what is asked for, separated by spaces"),
        Variable("OIDC_GROUPS_CLAIM", "text", default="groups",
            meaning="the claim with a person's groups"),
        Variable("OIDC_GROUPS", "words",
            meaning="what its values give, separated by commas: `law=Lawyers, editors=Rule editors, editors=@staff, root=@administrator`. A value without `=` is a group of that name; a comma of a name is `\\,`: `cn=law\\,ou=teams=Lawyers`"),
        Variable("OIDC_LINK_VERIFIED_EMAIL", "flag", default=False,
            meaning="a first sign-in gets the account that has the same e-mail address, where the provider has verified it"),
        Variable("EXPORT_RATE", "rate", default="6/hour",
            meaning="exports of a person's own data (`GET /api/v1/me/export/`)"),
        Variable("SHARED_RATE", "rate", default="120/minute",
            meaning="reads of shared conversations and their pictures, from one address"),
        Variable("SIGN_IN_RATE", "rate", default="10/minute",
            meaning="attempts to sign in at the API, per address"),
        Variable("RESERVATION_SECONDS", "number", default=60.0, least=1.0, most=3600,
            meaning="how long what a run has reserved of its limits outlives a dead worker ([limits](limits.md))"),
        Variable("RESERVED_OUTPUT_TOKENS", "integer", default=1000, least=1, most=10_000_000,
            meaning="tokens that are reserved for an answer whose request sets no limit of its own"),
        Variable("LIMITS_TIME_ZONE", "time zone", default="UTC",
            meaning="time zone of the days and months of limits, and of the days in reports of usage, such as `Europe/Berlin`"),
        Variable("LIMIT_WEBHOOK_URL", "address",
            meaning="address that is told of limits at 80 and 100 % ([limits](limits.md#warnings))"),
        Variable("LIMIT_WEBHOOK_SECRET", "signing secret",
            meaning="signs these calls: `whsec_` and base64 of 24 to 64 bytes"),
        Variable("LIMIT_WEBHOOK_SECONDS", "number", default=10.0, least=0.1, most=120,
            meaning="how long such a call may take"),
        Variable("SIGN_IN_FAILURES", "integer", default=10, least=1,
            meaning="wrong passwords for a name from one address, after which they are locked out for 15 minutes"),
        Variable("SIGN_IN_NAME_FAILURES", "integer", default=50, least=1,
            meaning="the same for a name from all addresses together; the lock includes the owner of the name"),
    )),
)
# fmt: on
