#!/usr/bin/env bash
# LlamaIndex and LangChain for JavaScript send a text without its line breaks to be embedded, LangChain for Python
# with them: the vectors of one text differ between what wrote an index and what asks it.
#
# Guessed before: the text goes to the model as it is, as with LangChain for Python, Haystack, LiteLLM and the AI SDK.
# Seen: LlamaIndex's OpenAIEmbedding puts a space in the place of each line break, always; LangChain's
# OpenAIEmbeddings for JavaScript does so by default (`stripNewLines`), the class of the same name for Python does
# not. The advice is from the models of 2022. Code, tables, verses and lists lose their form, and an index filled by
# one of them and asked by the other compares vectors of different texts: what is equal has a similarity below 1, and
# a threshold that was measured with one is wrong for the other.
#
# Seen with llama-index-embeddings-openai 0.7.0, langchain-openai 1.7.4 (Python 3.11), @langchain/openai 1.5.8, ai
# 6.0.326, @ai-sdk/openai 3.0.141 (Node 20). Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet llama-index-embeddings-openai==0.7.0 langchain-openai==1.7.4
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @langchain/openai@1.5.8 @langchain/core@1.4.0 ai@6.0.326 \
  @ai-sdk/openai@3.0.141 >/dev/null
cat >ask.mjs <<'JS'
import { createOpenAI } from "@ai-sdk/openai";
import { OpenAIEmbeddings } from "@langchain/openai";
import { embed } from "ai";

const [url, text] = process.argv.slice(2);
const given = (name) => ({ apiKey: "none", configuration: { baseURL: `${url}/${name}` } });
await new OpenAIEmbeddings(given("LangChain, JavaScript, document")).embedDocuments([text]);
await new OpenAIEmbeddings(given("LangChain, JavaScript, query")).embedQuery(text);
await new OpenAIEmbeddings({ stripNewLines: false, ...given("LangChain, JavaScript, stripNewLines: false") }).embedQuery(text);
await embed({ model: createOpenAI({ apiKey: "none", baseURL: `${url}/AI SDK` }).embedding("m"), value: text });
JS
venv/bin/python -W ignore - <<'PY'
import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from langchain_openai import OpenAIEmbeddings
from llama_index.embeddings.openai import OpenAIEmbedding

TEXT = "def double(x):\n    return 2 * x"
seen = {}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        seen[unquote(self.path.split("/")[1])] = sent if isinstance(sent, str) else sent[0]
        data = [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]
        body = {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"


def llama(name):
    return OpenAIEmbedding(api_key="none", api_base=f"{url}/{name}")


def langchain(name):
    return OpenAIEmbeddings(api_key="none", base_url=f"{url}/{name}", check_embedding_ctx_length=False)


llama("LlamaIndex, document").get_text_embedding(TEXT)
llama("LlamaIndex, query").get_query_embedding(TEXT)
langchain("LangChain, Python, document").embed_documents([TEXT])
langchain("LangChain, Python, query").embed_query(TEXT)
subprocess.run(["node", "ask.mjs", url, TEXT], check=True, stderr=subprocess.DEVNULL)
for name, text in seen.items():
    print(f"{name:44} {text!r}")
flat = TEXT.replace("\n", " ")
changed = {"LlamaIndex, document", "LlamaIndex, query", "LangChain, JavaScript, document", "LangChain, JavaScript, query"}
kept = {"LangChain, Python, document", "LangChain, Python, query", "LangChain, JavaScript, stripNewLines: false", "AI SDK"}
expected = dict.fromkeys(changed, flat) | dict.fromkeys(kept, TEXT)
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
