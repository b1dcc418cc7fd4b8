"""Two-factor authentication of staff: TOTP (RFC 6238) and recovery codes, on django-otp."""
