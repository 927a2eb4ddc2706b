# The runner builds this, or pulls it prebuilt, and starts it as root: GitHub's runner mounts the
# workspace and the command files as root's, so there is no USER here.
# https://docs.github.com/en/actions/reference/workflows-and-actions/dockerfile-support

FROM python:3.14-slim@sha256:656d12e70054d5fda18a045e2494c96701e9792dd1445f95b3d038df954f57e9 AS build
COPY requirements.txt scripts/prune_botocore.py /tmp/
# PYTHONHASHSEED: sets among the constants come out in one order, and the same bytes from every build.
# Without pip of its own: 12 MB that a rollout never needs. And without what botocore knows of 400 other services:
# 17 MB more to pull (docs/benchmarks.md), for nothing; their endpoints would be read at every start.
RUN python -m venv --without-pip /opt/venv \
 && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile \
      --require-hashes --no-deps --only-binary :all: --requirement /tmp/requirements.txt \
 && python /tmp/prune_botocore.py /opt/venv/lib/python3.*/site-packages/botocore/data \
      cloudwatch codedeploy lambda logs sns sts \
 && PYTHONHASHSEED=0 python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv

FROM python:3.14-slim@sha256:656d12e70054d5fda18a045e2494c96701e9792dd1445f95b3d038df954f57e9
LABEL org.opencontainers.image.title="lambda-rollout" \
      org.opencontainers.image.description="Moves an AWS Lambda alias to a new version step by step, and back on an alarm" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image ships no bytecode. Every container is a fresh one, so what is not compiled here
# is compiled again before each rollout: 1.3 s of start-up. Nothing is ever installed here, so pip goes, and what
# would bring it back.
RUN find / -xdev \( -name pip -o -name 'pip-*' -o -name 'pip3*' -o -name ensurepip \) -prune -exec rm -r {} + \
 && PYTHONHASHSEED=0 python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      -x '/(test|tests|idlelib|lib2to3|tkinter|turtledemo|site-packages|dist-packages)/' \
      "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
COPY --from=build /opt/venv /opt/venv
COPY entrypoint.py post-entrypoint /opt/lambda-rollout/
COPY lambda_rollout /opt/lambda-rollout/lambda_rollout
# A job's container has a folder of its own to work in: none is set here.
# hadolint ignore=DL3003
RUN PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /opt/lambda-rollout \
 && cd /opt/lambda-rollout && PYTHONHASHSEED=0 /opt/venv/bin/python -EsB -m lambda_rollout.runtime.precompiled

# -E and -s: a job's own PYTHONPATH is for its code, not for ours. -u: the log is live.
# -B: the image is complete.
ENTRYPOINT ["/opt/venv/bin/python", "-EsuB", "/opt/lambda-rollout/entrypoint.py"]
