"""HTTP/1.1 below the applications: the limits of heads, bodies and connections that hold for any parser."""
