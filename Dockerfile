# syntax=docker/dockerfile:1
# A small image with the tap and a target, each in an environment of its own:
#   docker build --build-arg TARGET=meltanolabs-target-postgres -t elt .
#   docker run --rm --read-only --tmpfs /tmp --env-file .env -v ./config:/config:ro elt
# The root file system may be read-only: temporary files go to /tmp, the job ledger into PostgreSQL (job_ledger).
FROM python:3.13-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc git libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv==0.9.*
WORKDIR /source
COPY . .
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
RUN uv venv /opt/tap && uv pip install --no-cache --python /opt/tap '.[postgres,s3,parquet]'
ARG TARGET=meltanolabs-target-postgres
RUN uv venv /opt/target && uv pip install --no-cache --python /opt/target "${TARGET}"

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home elt
COPY --from=build /opt/tap /opt/tap
COPY --from=build /opt/target /opt/target
ENV PATH=/opt/tap/bin:/opt/target/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /tmp
ENTRYPOINT ["/bin/bash", "-o", "pipefail", "-c"]
CMD ["tap-reports --config=ENV --config /config/tap.json --catalog /config/catalog.json | target-postgres --config /config/target.json"]
