"""Single sign-on by OpenID Connect: imported where an issuer is set, and nowhere else."""
