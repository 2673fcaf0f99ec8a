# The training image: the serving image with the packages of `mlrf train`, and with Dask, so that
# jobs, scheduler and workers of a cluster have the same versions of everything.
# The context contains only training/ and the lock of the checkout (`make image`).
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim
ARG MLRF_IMAGE=mlrf:latest

FROM ${MLRF_IMAGE} AS serving

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
COPY --from=serving /opt/mlrf/venv /opt/mlrf/venv
COPY requirements/dask.txt /tmp/dask.txt
COPY training /opt/train/src/training
# With --prefix pip skips packages that the venv has already
RUN python3 -m pip --python /opt/mlrf/venv/bin/python install --prefix /opt/train/venv \
        --no-compile --no-warn-script-location \
        --only-binary :all: --no-deps --require-hashes -r /tmp/dask.txt \
    && find /opt/train/venv -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
        -s /opt/train -p /opt/mlrf /opt/train/venv \
    && python3 -m compileall -q --invalidation-mode checked-hash \
        -s /opt/train -p /opt/mlrf /opt/train/src \
    && chmod -R u=rwX,go=rX /opt/train

FROM serving
COPY --from=build /opt/train /opt/mlrf
CMD ["train", "/data"]
# No port to check
HEALTHCHECK NONE
LABEL org.opencontainers.image.title="mlrf-train"
