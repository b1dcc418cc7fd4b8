"""OpenAI's API over the engine: requests in, chunks and objects out. Nothing of it is known below."""
