# The wdrip worker; the image holds the `wdrip` command too.
FROM python:3.11-slim AS build
# oss2's checksum (crcmod) is a C extension.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /opt/wdrip \
 && /opt/wdrip/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt \
 && /opt/wdrip/bin/pip install --no-cache-dir --require-hashes --no-build-isolation \
      --requirement requirements/runtime.txt
COPY pyproject.toml README.md worker.py ./
COPY wdrip wdrip
COPY workflows workflows
COPY activities activities
COPY starters starters
RUN /opt/wdrip/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
# Activities encrypt what machines receive with openssl's CMS.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends openssl ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --create-home --home-dir /home/wdrip wdrip
COPY --from=build /opt/wdrip /opt/wdrip
ENV PATH=/opt/wdrip/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/wdrip
# PID 1 is the worker itself, so that a stop's SIGTERM reaches it and running activities may finish.
ENTRYPOINT ["python", "-m", "worker"]
