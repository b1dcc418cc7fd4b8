"""The stream path beside a bare relay and LiteLLM Proxy: one interleaved run on one provider."""
