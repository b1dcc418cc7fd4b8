"""The AI SDK's own stream of a chat (UI message stream, v1): what ``useChat`` speaks by default."""
