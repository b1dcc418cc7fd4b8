"""The manifests of deploy/ are right, as far as that can be told without a cluster."""
